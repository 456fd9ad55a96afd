import MillraceCore

/// A profile as a table: numbers in front, the tree of operators behind, so that long expressions do no harm.
struct ProfileText {
  private let profile: QueryProfile
  private let whole: Int64

  init(_ profile: QueryProfile) {
    self.profile = profile
    whole = max(profile.busyNanoseconds, 1)
  }

  private static let header = [
    "share", "time", "rows in", "rows out", "batches", "bytes", "stored", "threads", "operator",
  ]

  var text: String {
    var rows: [[String]] = [Self.header]
    for output in profile.outputs {
      rows.append(note("\(output.name):"))
      add(output.root, depth: 0, to: &rows)
    }
    rows.append(note("outside of operators:"))
    rows += profile.phases.map { line($0.label, time(of: $0.total, isShared: !$0.phase.isWaiting), $0.threads) }
    return title + "\n" + Self.aligned(rows)
  }

  private var title: String {
    let threads = profile.threads.count
    return "\(profile.name): \(profile.batches) \(profile.batches == 1 ? "batch" : "batches") in "
      + "\(duration(profile.wallNanoseconds)), \(threads) \(threads == 1 ? "thread" : "threads") busy for "
      + "\(duration(profile.busyNanoseconds)) together"
  }

  // MARK: Lines

  private func add(_ node: OperatorProfile, depth: Int, to rows: inout [[String]]) {
    let indent = String(repeating: "   ", count: max(depth - 1, 0)) + (depth > 0 ? "+- " : "")
    let name = indent + node.name + (node.detail.isEmpty ? "" : " \(node.detail)")
    rows.append(line(of: node, name + (node.sharedWith.map { " (read once, see \($0))" } ?? "")))
    if node.steps.count > 1 {
      let inner = String(repeating: "   ", count: depth)
      rows += node.steps.map { line("\(inner)· \($0.step.label)", time(of: $0.total, isShared: true), $0.threads) }
    }
    for input in node.inputs { add(input, depth: depth + 1, to: &rows) }
  }

  private func line(of node: OperatorProfile, _ name: String) -> [String] {
    let total = node.total
    let isDone = !node.steps.isEmpty
    return (isDone ? time(of: total, isShared: true) : ["", ""]) + [
      node.inputs.isEmpty ? "" : "\(node.rowsIn)", "\(node.rowsOut)", isDone ? "\(node.batches)" : "",
      bytes(total.plainBytes), bytes(total.storedBytes), spread(node.threads), name,
    ]
  }

  private func line(_ name: String, _ time: [String], _ threads: [ThreadProfile]) -> [String] {
    time + ["", "", "", "", "", spread(threads), name]
  }

  private func note(_ text: String) -> [String] { Array(repeating: "", count: Self.header.count - 1) + [text] }

  // MARK: Cells

  private func time(of counters: ProfileCounters, isShared: Bool) -> [String] {
    let tenths = (counters.nanoseconds * 1000 + whole / 2) / whole
    return [isShared ? "\(tenths / 10).\(tenths % 10) %" : "", duration(counters.nanoseconds)]
  }

  private func duration(_ nanoseconds: Int64) -> String { Quantity.duration(microseconds: nanoseconds / 1000) }

  private func bytes(_ count: Int64) -> String { count == 0 ? "" : Quantity.bytes(count) }

  /// How many threads took part, and the least and most time of one.
  private func spread(_ threads: [ThreadProfile]) -> String {
    let times = threads.map(\.counters.nanoseconds)
    guard times.count > 1, let least = times.min(), let most = times.max() else {
      return times.isEmpty ? "" : "1"
    }
    return "\(times.count): \(duration(least)) … \(duration(most))"
  }

  /// Numbers flush right, the last column as it is.
  private static func aligned(_ rows: [[String]]) -> String {
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let numbers = row.dropLast().enumerated().map { column, cell in
        String(repeating: " ", count: widths[column] - cell.count) + cell
      }
      return (numbers + row.suffix(1)).joined(separator: "  ")
    }.joined(separator: "\n")
  }
}

extension ProfileStep {
  /// The step in words.
  fileprivate var label: String {
    switch self {
    case .run: "run"
    case .read: "read and inflate"
    case .decode: "split and decode"
    case .handOn: "hand on"
    case .build: "build table"
    case .probe: "look up"
    case .partial: "group by thread"
    case .merge: "merge groups"
    case .state: "state store"
    case .encode: "encode and compress"
    case .write: "write"
    case .commit: "commit"
    }
  }
}

extension PhaseProfile {
  /// The phase in words.
  fileprivate var label: String {
    switch phase {
    case .other: "other"
    case .planning: "planning"
    case .recovery: "recovery"
    case .poll: "look for input"
    case .log: "commit log"
    case .stateFiles: "state files"
    case .publish: "publish"
    case .close: "close"
    case .waitForWorkers: "wait for workers"
    case .waitForInput: "wait for input"
    }
  }
}
