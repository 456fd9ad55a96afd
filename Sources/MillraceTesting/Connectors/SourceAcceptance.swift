public import MillraceCore
import MillraceFormats

/// Holds a source to its contract: the same plan gives the same rows, in this life and in the next; a restart at any offset loses and
/// doubles nothing; offsets survive the checkpoint; projection leaves out columns and nothing else; limits are kept; `close` lets go.
///
/// The kit does what the engine does. Put some input in place (at least a few dozen rows), and call `run`: every reading stops at what
/// exists then. The rows of byte sources are the lines of the text, or its records where a source has rules for them. Sources that are live, whose bytes come once, are journalled by the
/// engine, which is what makes them replayable: of these this kit checks the description alone, and `LiveSourceAcceptance` the rest.
public struct SourceAcceptance {
  private let connector: any Connector
  private let options: [String: String]
  private let schema: Schema?
  private let expected: [String]?
  private let folder: String?
  private let batches: Int?
  private let environment: Environment

  /// A kit for a source with given options.
  ///
  /// - `expected`: the rows in order, if they are known: for byte sources the lines, for row sources `description` of each row's values.
  /// - `folder`: where the source's files lie; nothing in it may be open after `close`.
  /// - `batches`: for a source without an end, how many batches to read; nil: it ends when it is frozen.
  public init(
    _ connector: any Connector, options: [String: String], schema: Schema? = nil, expected: [String]? = nil,
    folder: String? = nil, batches: Int? = nil, environment: Environment = .live
  ) {
    self.connector = connector
    self.options = options
    self.schema = schema
    self.expected = expected
    self.folder = folder
    self.batches = batches
    self.environment = environment
  }

  /// Runs all checks; a failed one does not keep the others from running.
  public func run() -> AcceptanceReport {
    var report = AcceptanceReport("\(connector.spec.name) source")
    SpecAcceptance.check(connector, into: &report)
    report.check("the factory changes nothing") {
      let still = Environment(files: DyingFileSystem(after: 0), clock: environment.clock)
      _ = try kind(still)
      return "no change of a file"
    }
    switch try? kind(environment) {
    case .live?, .liveRecords?:
      report.skip("rows, offsets, restarts", "live: `LiveSourceAcceptance` holds it to them")
      return report
    default: break
    }
    let openBefore = folder.map { OpenFiles.count(under: $0) }
    var history = SourceHistory(batches: [])
    report.check("offsets go on and survive the checkpoint") {
      history = try read(ReadLimit(files: 1, bytes: 64, rows: 3))
      let offsets = history.batches.map(\.end)
      if offsets.isEmpty { throw AcceptanceFault("there is no input") }
      try AcceptanceFault.unless(Set(offsets).count, is: offsets.count, "different offsets")
      for offset in offsets {
        try AcceptanceFault.unless(try JSON(parsing: offset.json.text), is: offset.json, "an offset from its text")
        if offset.json.members == nil { throw AcceptanceFault("an offset is no object: \(offset.json.text)") }
      }
      return "\(offsets.count) batches, \(history.rows.count) rows"
    }
    if history.batches.isEmpty { return report }
    report.check("small and large batches give the same rows") {
      if batches == nil {
        try same(try read(ReadLimit()).rows, history.rows, "rows read at once")
        try same(try read(ReadLimit(parallelism: 4)).rows, history.rows, "rows read by four workers")
      }
      if let expected { try same(history.rows, expected, "rows") }
      return expected == nil ? "\(history.rows.count) rows" : "\(history.rows.count) rows, as was written"
    }
    report.check("a plan read again gives the same rows") {
      try life(after: nil) { life in
        for batch in history.batches { try same(life.read(batch.plan).rows, batch.rows, "rows of a plan") }
      }
      return "\(history.batches.count) plans, in another life"
    }
    report.check("a restart at any offset goes on there") {
      for (index, batch) in history.batches.enumerated() {
        try goesOn(history, after: index, try read(ReadLimit(), after: batch.end).rows)
      }
      return "\(history.batches.count) offsets"
    }
    report.check("a pending plan is read again after a crash") {
      for (index, batch) in history.batches.enumerated() {
        let before = index == 0 ? nil : history.batches[index - 1].end
        try life(after: before) { life in
          let again = try life.read(try batch.plan.fromCheckpoint())
          try same(again.rows, batch.rows, "rows of plan \(index)")
          try AcceptanceFault.unless(
            try life.source.offset(after: before, plan: try batch.plan.fromCheckpoint(), results: again.results),
            is: batch.end, "offset after plan \(index)")
        }
      }
      return "\(history.batches.count) crashes"
    }
    report.check("committing twice is committing once") {
      let middle = history.batches[history.batches.count / 2]
      try life(after: nil) { life in
        try life.source.commit(middle.end)
        try life.source.commit(middle.end)
      }
      try goesOn(history, after: history.batches.count / 2, try read(ReadLimit(), after: middle.end).rows)
      return "at the middle offset"
    }
    checkProjection(history, &report)
    checkLimits(history, &report)
    if let folder, let openBefore {
      report.check("close lets go") {
        try AcceptanceFault.unless(OpenFiles.count(under: folder), is: openBefore, "open files")
        return "open files counted by the system"
      }
    } else {
      report.skip("close lets go", "no files")
    }
    return report
  }

  private func checkProjection(_ history: SourceHistory, _ report: inout AcceptanceReport) {
    guard case .rows(let source)? = try? kind(environment) else {
      return report.skip("columns left out change nothing else", "bytes: the engine's decoder leaves out columns")
    }
    report.check("columns left out change nothing else") {
      let all = Array(source.schema.fields.indices)
      let choices = [[], Array(all.reversed()), all] + all.map { [$0] }
      try life(after: nil) { life in
        for batch in history.batches.prefix(20) {
          let whole = try life.values(batch.plan, columns: all)
          for columns in choices {
            try AcceptanceFault.unless(
              try life.values(batch.plan, columns: columns), is: whole.map { row in columns.map { row[$0] } },
              "rows of the columns \(columns)")
          }
        }
      }
      return "\(choices.count) choices of columns"
    }
  }

  private func checkLimits(_ history: SourceHistory, _ report: inout AcceptanceReport) {
    report.check("a piece of input stays small") {
      var largest = 0
      try life(after: nil) { life in
        for batch in history.batches { largest = max(largest, try life.largestPiece(batch.plan)) }
      }
      if largest > 65_536 { throw AcceptanceFault("a reader gave \(largest) rows at once") }
      for batch in history.batches where batch.isOverLimit(bytes: 64) {
        throw AcceptanceFault("a limit of 64 bytes gave \(batch.rows.count) lines: \(batch.rows)")
      }
      return largest == 0 ? "a record beyond the limit per part at most" : "at most \(largest) rows at once"
    }
  }

  /// Compares what a restart after a batch gave; a source without an end may have got further, or less far, than before.
  private func goesOn(_ history: SourceHistory, after batch: Int, _ found: [String]) throws {
    let rest = history.batches[(batch + 1)...].flatMap(\.rows)
    let count = batches == nil ? max(rest.count, found.count) : min(rest.count, found.count)
    if found.isEmpty && !rest.isEmpty { throw AcceptanceFault("nothing came after batch \(batch)") }
    try same(Array(found.prefix(count)), Array(rest.prefix(count)), "rows after batch \(batch)")
  }

  private func same(_ found: [String], _ expected: [String], _ what: String) throws {
    if found == expected { return }
    let place = zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? min(found.count, expected.count)
    throw AcceptanceFault(
      "\(what): expected \(expected.count), found \(found.count); the first difference is at \(place): "
        + "expected \(expected.dropFirst(place).first ?? "the end"), found \(found.dropFirst(place).first ?? "the end")"
    )
  }

  private func kind(_ environment: Environment) throws -> SourceKind {
    let checked = try Options(options, fields: connector.spec.sourceFields, of: connector.spec.name)
    return try connector.makeSource(
      SourceRequest(name: "in", options: checked, schema: schema, environment: environment))
  }

  /// A source from `start` to `close`, reading what exists now.
  private func life(after offset: Offset?, _ body: (SourceLife) throws -> Void) throws {
    let life = SourceLife(try kind(environment))
    try life.source.start(after: try offset.map { Offset(try JSON(parsing: $0.json.text)) })
    if batches == nil { try life.source.freeze() }
    defer { life.source.close() }
    try body(life)
  }

  private func read(_ limit: ReadLimit, after start: Offset? = nil) throws -> SourceHistory {
    var history = SourceHistory(batches: [])
    var offset = start
    try life(after: start) { life in
      while history.batches.count < batches ?? .max, let plan = try life.source.plan(after: offset, limit: limit) {
        let (rows, results) = try life.read(plan)
        let end = try life.source.offset(after: offset, plan: plan, results: results)
        history.batches.append(.init(plan: plan, rows: rows, end: end))
        offset = end
      }
    }
    return history
  }
}
