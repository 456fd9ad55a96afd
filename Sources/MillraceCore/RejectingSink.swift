/// A row that a sink's target refused, as the dead letters keep it.
public struct RejectedRow: Sendable, Hashable {
  /// The row as a JSON object, or as the line that the sink got where its rows are encoded otherwise.
  public var record: String
  /// Stable code of what was wrong, for instance `SQLITE_CONSTRAINT`.
  public var code: String
  /// What was wrong, for a person.
  public var message: String
  /// The column at fault, where one is.
  public var column: String?

  /// Makes a rejected row.
  public init(record: String, code: String, message: String, column: String? = nil) {
    self.record = record
    self.code = code
    self.message = message
    self.column = column
  }
}

/// A sink that can do without the rows that its target refuses: they are left out and reported, and the rest of the batch is written.
///
/// The engine calls `isolateRejectedRows` before `open` where the pipeline wants that (`onBadRecord` of the sink is `skip` or
/// `deadLetter`); otherwise the first refused row is an error that `write` or `commit` throws. It asks for the rejected rows of each
/// batch once all of its rows were written, before `commit`: by then the sink must have offered every row to its target. They are
/// written to the pipeline's dead letters, which are committed with the batch.
///
/// After a crash the batch may be in a transactional sink already. It is not written again then, and its rejected rows are asked for
/// in place of that: so such a sink keeps them with the batch, in the same transaction, until the next one.
public protocol RejectingSink: Sink {
  /// From now on refused rows are left out and reported. Called at most once, before `open`.
  func isolateRejectedRows()
  /// The refused rows of a batch, in order: that which was begun, or the last one that a transactional sink holds; the same rows at
  /// each call.
  func rejectedRows(batchID: Int64) throws -> [RejectedRow]
}
