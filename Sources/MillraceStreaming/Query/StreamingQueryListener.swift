import MillraceCore

/// Hears of what a query does. Called from the query's own thread, `onQueryStarted` from the one that starts it;
/// a slow listener slows the query.
public protocol StreamingQueryListener: Sendable {
  /// The query is about to run.
  func onQueryStarted(_ event: StreamingQueryStarted)
  /// A batch is done.
  func onQueryProgress(_ progress: StreamingQueryProgress)
  /// Nothing came for ten seconds.
  func onQueryIdle(_ event: StreamingQueryIdle)
  /// Something happened to a source, such as a connection that is lost. Called from any thread.
  func onSourceNotice(_ event: StreamingSourceNotice)
  /// The query has ended.
  func onQueryTerminated(_ event: StreamingQueryTerminated)
}

extension StreamingQueryListener {
  /// Ignored.
  public func onQueryStarted(_ event: StreamingQueryStarted) {}
  /// Ignored.
  public func onQueryProgress(_ progress: StreamingQueryProgress) {}
  /// Ignored.
  public func onQueryIdle(_ event: StreamingQueryIdle) {}
  /// Ignored.
  public func onSourceNotice(_ event: StreamingSourceNotice) {}
  /// Ignored.
  public func onQueryTerminated(_ event: StreamingQueryTerminated) {}
}

/// A query began.
public struct StreamingQueryStarted: Sendable {
  /// The query's id.
  public var id: String
  /// The id of this run.
  public var runID: String
  /// The query's name.
  public var name: String?
  /// Microseconds since the epoch.
  public var timestamp: Int64
}

/// A query waits.
public struct StreamingQueryIdle: Sendable {
  /// The query's id.
  public var id: String
  /// The id of this run.
  public var runID: String
  /// Microseconds since the epoch.
  public var timestamp: Int64
}

/// What happened to a source.
public struct StreamingSourceNotice: Sendable {
  /// The query's id.
  public var id: String
  /// The source's name in the pipeline.
  public var source: String
  /// One sentence.
  public var text: String
}

/// A run of a query ended.
public struct StreamingQueryTerminated: Sendable {
  /// The query's id.
  public var id: String
  /// The id of this run.
  public var runID: String
  /// Why, if not on request.
  public var exception: (any Error)?
  /// The code of the exception, as Spark's `errorClassOnException`.
  public var errorClass: String? { (exception as? MillraceError)?.code }
  /// Microseconds until the query is started again; nil: it has ended for good.
  public var restartDelay: Int64?
}
