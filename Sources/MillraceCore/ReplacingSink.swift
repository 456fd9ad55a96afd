/// What of a sink the rows of a batch take the place of.
public enum RowReplacement: Sendable, Hashable {
  /// Everything that is there: each batch is the whole result.
  case all
  /// The rows with the same values in these columns, which are positions in the rows' schema.
  case keys(Set<Int>)
}

/// A transactional sink in which later rows stand for earlier ones, so that nothing is missing in the end where it does not get rows that
/// others would replace at once.
///
/// While more input waits than the query has read, the engine may leave such a sink out of a batch: it is neither begun nor committed then,
/// and gets the latest rows with a later batch, or under the number of the last one once nothing waits any more. So what it holds may
/// be batches behind the commit log, but is always the result after one of them.
public protocol ReplacingSink: Sink {
  /// What the rows of a batch replace; nil where each batch must be written, because rows are added, or because somebody looks at every
  /// change. Asked for once, after `recover`.
  func replacement() throws -> RowReplacement?
  /// `recover` where the sink was left out of the batches after `batchID` up to `last`. It holds `batchID`, or `last` or the batch after
  /// it; what is none of them is told by the engine.
  func recover(batchID: Int64?, token: JSON?, through last: Int64?) throws -> Int64?
}
