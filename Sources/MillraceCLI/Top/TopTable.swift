import MillraceCore

/// The answer of a run about what it does, as a table for people. Pure.
struct TopTable {
  private let status: JSON

  init(_ status: JSON) { self.status = status }

  /// A line about the run, the table, and a line for each pipeline that had an error.
  var text: String {
    let pipelines = status["pipelines"]?.array ?? []
    var table = TextTable([
      "PIPELINE", "STATE", "BATCH", "TIME", "IN/S", "OUT/S", "ROWS IN", "ROWS OUT", "STATE ROWS", "STATE SIZE",
      "WAITING",
      "LEFT OUT", "WATERMARK",
    ])
    for pipeline in pipelines {
      table.add(Self.row(pipeline))
      for source in pipeline["sources"]?.array ?? [] { table.add(Self.source(source)) }
      for sink in pipeline["sinks"]?.array ?? [] { table.add(Self.sink(sink)) }
    }
    var parts = [head]
    parts.append(table.isEmpty ? "no pipeline has started yet" : table.text())
    let errors = pipelines.compactMap(Self.error)
    if !errors.isEmpty { parts.append(errors.joined(separator: "\n")) }
    return parts.joined(separator: "\n\n")
  }

  private var head: String {
    let file = status["file"]?.string ?? "?"
    let uptime = Quantity.duration(microseconds: (status["uptimeMs"]?.int ?? 0) * 1000)
    return "\(file), process \(status["processId"]?.int ?? 0), for \(uptime)"
  }

  private static func row(_ pipeline: JSON) -> [String] {
    let leftOut = ["badRecords", "lateRows", "rejectedRows"].reduce(0 as Int64) { $0 + (pipeline[$1]?.int ?? 0) }
    return [
      pipeline["name"]?.string ?? "?", pipeline["state"]?.string ?? "?",
      pipeline["batchId"]?.int.map { String($0) } ?? "-",
      pipeline["batchMs"]?.int.map { Quantity.duration(microseconds: $0 * 1000) } ?? "-",
      rate(pipeline["rowsInPerSecond"]), rate(pipeline["rowsOutPerSecond"]), count(pipeline["rowsIn"]),
      count(pipeline["rowsOut"]), count(pipeline["stateRows"]),
      pipeline["stateBytes"]?.int.map { $0 > 0 ? Quantity.bytes($0) : "-" } ?? "-", count(pipeline["backlog"]),
      leftOut > 0 ? Quantity.count(Double(leftOut)) : "-", pipeline["watermark"]?.string ?? "-",
    ]
  }

  private static func source(_ source: JSON) -> [String] {
    [
      "  < \(source["name"]?.string ?? "?")", "", "", "", rate(source["rowsPerSecond"]), "", count(source["rows"]), "",
      "",
      "", count(source["backlog"]), count(source["badRecords"], zero: "-"), "",
    ]
  }

  private static func sink(_ sink: JSON) -> [String] {
    [
      "  > \(sink["name"]?.string ?? "?")", "", "", "", "", rate(sink["rowsPerSecond"]), "", count(sink["rows"]), "",
      "", "",
      count(sink["rejectedRows"], zero: "-"), "",
    ]
  }

  private static func error(_ pipeline: JSON) -> String? {
    guard let error = pipeline["lastError"], let text = error["text"]?.string else { return nil }
    return "\(pipeline["name"]?.string ?? "?"), \(error["time"]?.string ?? ""): \(text)"
  }

  private static func rate(_ value: JSON?) -> String {
    guard let value else { return "-" }
    if case .double(let number) = value { return Quantity.count(number) }
    return value.int.map { Quantity.count(Double($0)) } ?? "-"
  }

  private static func count(_ value: JSON?, zero: String = "0") -> String {
    guard let number = value?.int else { return "-" }
    return number == 0 ? zero : Quantity.count(Double(number))
  }
}
