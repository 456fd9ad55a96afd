public import MillraceCore
import MillraceStreaming

/// Holds a live source, whose records come once, to its contract: behind the engine's journal it is like a source that can be read again, and it
/// ends when it is told to.
///
/// The kit does what the engine does: it puts the source behind a journal in a checkpoint of its own, leaves it and takes it up again.
public struct LiveSourceAcceptance {
  /// What sends to a source in one of its lives.
  public struct Sender {
    /// Options of the source that it is to reach.
    public var options: [String: String]
    /// Sends records; called after the source has started, more than once. Waits for the source to connect, if that must be.
    public var send: ([String]) throws -> Void

    /// Describes a sender.
    public init(options: [String: String], send: @escaping ([String]) throws -> Void) {
      self.options = options
      self.send = send
    }
  }

  private static let records = (0..<40).map { "record \($0) " + String(repeating: "x", count: $0 * 7 % 23) }
  /// Microseconds after which records that were sent must have come.
  private static let patience: Int64 = 10_000_000
  /// Microseconds in which a source that waits for records must end.
  private static let endTime: Int64 = 8_000_000

  private let connector: any Connector
  private let folder: String
  private let environment: Environment
  private let sender: () throws -> Sender

  /// A kit. `folder` is a scratch folder for checkpoints; `sender` makes one that has sent nothing yet, for each life of a source.
  public init(
    _ connector: any Connector, folder: String, environment: Environment = .live, sender: @escaping () throws -> Sender
  ) {
    self.connector = connector
    self.folder = folder
    self.environment = environment
    self.sender = sender
  }

  /// Runs all checks; a failed one does not keep the others from running.
  public func run() -> AcceptanceReport {
    var report = AcceptanceReport("\(connector.spec.name) live source")
    let all = LiveSourceAcceptance.records
    var history = SourceHistory(batches: [])
    report.check("records come in order") {
      history = try read(sending: [Array(all[..<1]), Array(all[1..<20]), Array(all[20...])], checkpoint: "a")
      try AcceptanceFault.unless(history.rows, is: all, "records")
      return "\(all.count) records, sent in 3 pieces"
    }
    if history.rows != all { return report }
    report.check("what was received is there after a restart") {
      let again = try read(sending: [], checkpoint: "a", enough: all.count)
      try AcceptanceFault.unless(again.rows, is: all, "records of the journal")
      return "\(all.count) records, none of them committed"
    }
    report.check("a plan read again gives the same rows") {
      try life("a") { life, _ in
        for batch in history.batches {
          try AcceptanceFault.unless(
            try life.read(try batch.plan.fromCheckpoint()).rows, is: batch.rows, "rows of a plan")
        }
      }
      return "each plan, in another life"
    }
    report.check("a restart at any offset goes on there") {
      for (index, batch) in history.batches.enumerated() {
        let rest = history.batches[(index + 1)...].flatMap(\.rows)
        let again = try read(sending: [], checkpoint: "a", after: batch.end, enough: rest.count)
        try AcceptanceFault.unless(again.rows, is: rest, "records after batch \(index)")
      }
      return "each offset"
    }
    report.check("what comes later comes behind") {
      let end = history.batches.last?.end
      let more = ["later 1", "later 2"]
      let again = try read(sending: [more], checkpoint: "a", after: end)
      try AcceptanceFault.unless(again.rows, is: more, "records that were sent to another life")
      return "\(more.count) records, to another life"
    }
    report.check("without a checkpoint records come in order") {
      try AcceptanceFault.unless(
        try read(sending: [all], checkpoint: nil).rows, is: all, "records")
      return "\(all.count) records, kept in memory"
    }
    report.check("close ends a source that waits") {
      var spent: Int64 = 0
      try life("b") { life, _ in
        environment.clock.sleep(microseconds: 200_000)
        spent = time { life.source.close() }
      }
      if spent > LiveSourceAcceptance.endTime { throw AcceptanceFault("close took \(spent / 1000) ms") }
      return "within \(LiveSourceAcceptance.endTime / 1_000_000) s"
    }
    return report
  }

  /// The journal's files need not survive the machine.
  private var unsynced: Environment {
    var copy = environment
    copy.files = DyingFileSystem(after: .max)
    return copy
  }

  private func time(_ body: () -> Void) -> Int64 {
    let start = environment.clock.monotonicNanoseconds()
    body()
    return (environment.clock.monotonicNanoseconds() - start) / 1000
  }

  /// A source behind a journal, from `start` to `close`.
  private func life(
    _ checkpoint: String?, after offset: Offset? = nil, _ body: (SourceLife, Sender) throws -> Void
  ) throws {
    let sender = try self.sender()
    let options = try Options(sender.options, fields: connector.spec.sourceFields, of: connector.spec.name)
    let kind = try connector.makeSource(SourceRequest(name: "in", options: options, environment: environment))
    let place = checkpoint.map { "\(folder)/\($0)" }
    let journaled: JournaledSource
    switch kind {
    case .live(let source):
      journaled = JournaledSource(source, name: "in", checkpointLocation: place, environment: unsynced)
    case .liveRecords(let source):
      journaled = JournaledSource(source, name: "in", checkpointLocation: place, environment: unsynced)
    case .bytes, .rows:
      throw AcceptanceFault("it is no live source; SourceAcceptance is for those that can be read again")
    }
    try journaled.start(after: offset)
    let life = SourceLife(.bytes(journaled))
    defer { journaled.close() }
    try body(life, sender)
  }

  /// Reads until as many records have come as were sent, or as are enough.
  private func read(
    sending pieces: [[String]], checkpoint: String?, after start: Offset? = nil, enough: Int? = nil
  ) throws -> SourceHistory {
    var history = SourceHistory(batches: [])
    let wanted = enough ?? pieces.joined().count
    try life(checkpoint, after: start) { life, sender in
      var offset = start
      var rest = pieces[...]
      let began = environment.clock.monotonicNanoseconds()
      var sent = 0
      while history.rows.count < wanted {
        // The next piece goes when the one before has come, so that there are several batches.
        if let piece = rest.first, history.rows.count == sent {
          try sender.send(piece)
          sent += piece.count
          rest = rest.dropFirst()
        }
        guard let plan = try life.source.plan(after: offset, limit: ReadLimit()) else {
          if (environment.clock.monotonicNanoseconds() - began) / 1000 > LiveSourceAcceptance.patience {
            throw AcceptanceFault("\(history.rows.count) of \(wanted) records came in 10 s: \(history.rows)")
          }
          environment.clock.sleep(microseconds: 2000)
          continue
        }
        let (rows, results) = try life.read(plan)
        let end = try life.source.offset(after: offset, plan: plan, results: results)
        history.batches.append(.init(plan: plan, rows: rows, end: end))
        offset = end
      }
    }
    return history
  }
}
