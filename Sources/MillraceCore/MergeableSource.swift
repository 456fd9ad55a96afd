/// A source of files whose records can be merged by their times.
///
/// The engine opens the splits of `files` in the order of their first times, reads each as far as a batch goes, and keeps the readers
/// open from batch to batch. `offset(after:plan:results:)` gets those splits of which something was read, each with how far.
public protocol MergeableSource: ByteSource {
  /// Everything after `offset`: one split for each file, not cut, whose `continuationKey` names the file.
  func files(after offset: Offset?) throws -> [SourceSplit]
}

/// A source that holds back what is there until its time has come.
public protocol PacedSource: Source {
  /// When there is something to plan, by the query's clock, although the last `plan` gave nothing; nil: nothing is held back.
  var nextDue: Int64? { get }
}
