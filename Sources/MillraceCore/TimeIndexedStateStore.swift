public import MillraceColumnar

/// A store that also finds its keys by a time, so that what the watermark has passed goes without a look at all the rest.
///
/// An ability that a store may have. Operators ask for it when the query is planned; of a store without it they scan everything
/// whenever something is due.
public protocol TimeIndexedStateStore: StateStore {
  /// Says which column holds the time of a key: microseconds as 64-bit integers; a key whose time is NULL is never due. Called
  /// at most once, before any other call.
  func indexTimes(of column: StateColumn)
  /// Calls `body` like `scan`, with the keys whose time is at or before `time` and no others. It takes as long as those are
  /// many. `body` must not change the store.
  func scan(
    through time: Int64, _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws
}

/// A column of a state store.
public enum StateColumn: Sendable, Hashable {
  /// Of the keys, by position.
  case key(Int)
  /// Of the values, by position.
  case value(Int)
}
