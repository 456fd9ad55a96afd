import Testing

/// A sink of a replay: its entry in the pipeline file, and how a shell reads what it holds, in the oracle's form.
struct ReplaySink: Sendable {
  /// Its name in the pipeline.
  var name: String
  /// Its keys in the pipeline file.
  var entry: String
  /// A script that prints what it holds, in any order.
  var read: String
  /// What it must hold.
  var oracle: Answer
  /// A script that fails if the output of a whole run is not spread over files as the tests want it.
  var check = "true"
  /// Whether it keeps a batch that was written and whose commit a crash took.
  var keepsItsBatch = false

  /// An answer that does not come from the engine.
  enum Answer: Sendable {
    /// `minute|status|hits|bytes`.
    case traffic
    /// `host status` of the requests with at least this status, passed through a script.
    case requests(least: Int, as: String = "cat")
  }
}

/// Sinks that are replayed into together.
struct ReplayGroup: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var sinks: [ReplaySink]
  /// What keeps the state.
  var stateStore = "memory"

  static let all = [databaseAndFiles, rotatingFiles, renamedFiles, folders, stateInDatabase, databases]

  /// State in a database of its own, which can be a version ahead of the log.
  static let stateInDatabase = ReplayGroup(
    testDescription: "state in a database", sinks: [databaseAndFiles.sinks[0]], stateStore: "sqlite")

  /// A database, one gzip file and a folder, as in the pipeline `traffic`.
  static let databaseAndFiles = ReplayGroup(
    testDescription: "database and files",
    sinks: [
      ReplaySink(
        name: "table",
        entry: """
          "query": "SELECT window.start AS minute, status, count(*) AS hits, sum(bytes) AS bytes FROM requests GROUP BY window(time, '1 minute'), status",
          "outputMode": "update", "format": "sqlite", "options": { "path": "out/traffic.db", "table": "traffic", "keys": ["minute", "status"] }
          """,
        read: "sqlite3 out/traffic.db 'SELECT minute, status, hits, bytes FROM traffic'", oracle: .traffic,
        keepsItsBatch: true),
      ReplaySink(
        name: "packed",
        entry: """
          "query": "SELECT value FROM errors", "format": "gzip-file", "options": { "path": "out/errors.gz" }, "encode": "text"
          """,
        read: "gzip -dc out/errors.gz", oracle: .requests(least: 500)),
      ReplaySink(
        name: "folder",
        entry: #""query": "SELECT value FROM errors", "format": "text", "options": { "path": "out/folder" }"#,
        read: "cat out/folder/*", oracle: .requests(least: 500)),
    ])

  /// Rotating files, plain, compressed with a header each, and with all but the newest removed; each rotates several times in a batch.
  static let rotatingFiles = ReplayGroup(
    testDescription: "rotating files",
    sinks: [
      ReplaySink(
        name: "plain",
        entry: """
          "query": "SELECT value FROM moved", "format": "rotating-file",
          "options": { "path": "out/plain/moved.log", "maxFileBytes": "4 KiB" }, "encode": "text"
          """,
        read: "cat out/plain/moved.*.log", oracle: .requests(least: 300), check: "test $(ls out/plain | wc -l) -ge 8"),
      ReplaySink(
        name: "packed",
        entry: """
          "query": "SELECT host, status FROM requests WHERE status >= 300", "format": "rotating-file",
          "options": { "path": "out/packed/moved.csv.gz", "maxFileBytes": "1 KiB" }, "encode": { "format": "csv", "header": true }
          """,
        read: """
          for file in out/packed/moved.*.csv.gz; do
            test "$(gzip -dc $file | head -n 1)" = host,status && gzip -dc $file | tail -n +2
          done
          """,
        oracle: .requests(least: 300, as: "tr ' ' ,"),
        check: "test $(ls out/packed | wc -l) -ge 8"),
      // The last files of the same rows in files of the same size; what was removed is taken from those.
      ReplaySink(
        name: "kept",
        entry: """
          "query": "SELECT value FROM moved", "format": "rotating-file",
          "options": { "path": "out/kept/moved.log", "maxFileBytes": "4 KiB", "keepFiles": 3 }, "encode": "text"
          """,
        read: """
          test $(ls out/kept | wc -l) -le 3 && for file in out/plain/moved.*.log; do
            name=$(basename $file); if test -e out/kept/$name; then cat out/kept/$name; else cat $file; fi
          done
          """,
        oracle: .requests(least: 300), check: "test $(ls out/kept | wc -l) -eq 3"),
    ])

  /// Rotating files that change their names, lie in folders by column, or hold the rows of one span of event time.
  static let renamedFiles = ReplayGroup(
    testDescription: "renamed and partitioned files",
    sinks: [
      ReplaySink(
        name: "logrotate",
        entry: """
          "query": "SELECT value FROM moved", "format": "rotating-file",
          "options": { "path": "out/logrotate/moved.log", "maxFileBytes": "4 KiB", "naming": "logrotate",
                       "compress": "onRotation" }, "encode": "text"
          """,
        read: "cat out/logrotate/moved.log; gzip -dc out/logrotate/moved.log.*.gz", oracle: .requests(least: 300),
        check: "test $(ls out/logrotate | wc -l) -ge 8"),
      ReplaySink(
        name: "folders",
        entry: """
          "query": "SELECT host, status FROM requests WHERE status >= 300", "format": "rotating-file",
          "options": { "path": "out/folders/moved.csv.gz", "partitionBy": "status", "maxOpenFiles": 2 },
          "encode": { "format": "csv", "header": true }
          """,
        read: """
          for file in out/folders/*/*.gz; do
            status=$(basename $(dirname $file)); test "$(gzip -dc $file | head -n 1)" = host &&
            gzip -dc $file | tail -n +2 | sed "s/$/ ${status#status=}/"
          done
          """,
        oracle: .requests(least: 300), check: "test $(ls out/folders | wc -l) -ge 3"),
      ReplaySink(
        name: "spans",
        entry: """
          "query": "SELECT concat(host, ' ', status) AS value, time FROM requests WHERE status >= 300",
          "format": "rotating-file",
          "options": { "path": "out/spans/moved.json", "naming": "dated", "eventTimeColumn": "time", "eventTimeInterval": "10 minutes",
                       "maxOpenFiles": 3, "compress": "onRotation", "currentLink": true }, "encode": "json"
          """,
        read: #"""
          test -L out/spans/moved.json && test -e out/spans/moved.json &&
          for file in out/spans/moved-*; do
            case $file in *.gz) gzip -dc $file;; *) cat $file;; esac
          done | sed 's/.*"value":"\([^"]*\)".*/\1/'
          """#,
        oracle: .requests(least: 300), check: "test $(ls out/spans | wc -l) -ge 3"),
    ])

  /// Folders of every format, one of them compressed; files of `csv` begin with a header.
  static let folders = ReplayGroup(
    testDescription: "folders",
    sinks: [
      ReplaySink(
        name: "text",
        entry: #""query": "SELECT value FROM moved", "format": "text", "options": { "path": "out/text" }"#,
        read: "cat out/text/*", oracle: .requests(least: 300)),
      ReplaySink(
        name: "json",
        entry: """
          "query": "SELECT host, status FROM requests WHERE status >= 300", "format": "json",
          "options": { "path": "out/json", "compression": "gzip" }
          """,
        read: "gzip -dc out/json/*.json.gz",
        oracle: .requests(least: 300, as: #"awk '{ printf "{\"host\":\"%s\",\"status\":%d}\n", $1, $2 }'"#)),
      ReplaySink(
        name: "csv",
        entry: """
          "query": "SELECT host, status FROM requests WHERE status >= 300", "format": "csv",
          "options": { "path": "out/csv", "header": true }
          """,
        read: "for file in out/csv/*.csv; do test \"$(head -n 1 $file)\" = host,status && tail -n +2 $file; done",
        oracle: .requests(least: 300, as: "tr ' ' ,")),
    ])

  /// Tables in each of the modes that `databaseAndFiles` does not have, two of them in one database.
  static let databases = ReplayGroup(
    testDescription: "databases",
    sinks: [
      table(
        "appended", "SELECT host, status FROM requests WHERE status >= 300", "append",
        #"{ "path": "out/rows.db", "table": "appended" }"#, .requests(least: 300)),
      table(
        "logged", "SELECT host, status FROM requests WHERE status >= 500", "append",
        #"{ "path": "out/rows.db", "table": "logged", "mode": "changelog" }"#, .requests(least: 500),
        check: "test $(sqlite3 out/rows.db 'SELECT count(DISTINCT _batch) FROM logged') -ge 2"),
      ReplaySink(
        name: "replaced",
        entry: """
          "query": "SELECT window.start AS minute, status, count(*) AS hits, sum(bytes) AS bytes FROM requests GROUP BY window(time, '1 minute'), status",
          "outputMode": "complete", "format": "sqlite", "options": { "path": "out/whole.db", "table": "traffic" }
          """,
        read: "sqlite3 out/whole.db 'SELECT minute, status, hits, bytes FROM traffic'", oracle: .traffic,
        keepsItsBatch: true),
    ])

  private static func table(
    _ name: String, _ query: String, _ mode: String, _ options: String, _ oracle: ReplaySink.Answer,
    check: String = "true"
  ) -> ReplaySink {
    ReplaySink(
      name: name,
      entry: "\"query\": \"\(query)\", \"outputMode\": \"\(mode)\", \"format\": \"sqlite\", \"options\": \(options)",
      read: "sqlite3 -separator ' ' out/rows.db 'SELECT host, status FROM \(name)'", oracle: oracle, check: check,
      keepsItsBatch: true)
  }
}
