/// A place of a query at which its rows can be looked at.
public struct TapComponent: Hashable, Sendable {
  /// What it is.
  public enum Kind: String, Sendable {
    /// Rows as the source gives them: the columns that the query reads, without what the decoder's conditions leave out.
    case source
    /// Rows as the sink gets them.
    case sink
  }

  /// Source or sink.
  public var kind: Kind
  /// Its name in the query.
  public var name: String

  /// Names a place.
  public init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }
}

/// Some of the rows that went by.
public struct TapSample: Sendable {
  /// Name of the query.
  public var query: String
  /// Where they went by.
  public var component: TapComponent
  /// The batch that was being computed.
  public var batchID: Int64
  /// The rows as JSON objects, in the form of the JSON sink.
  public var rows: [String]

  /// Makes a sample.
  public init(query: String, component: TapComponent, batchID: Int64, rows: [String]) {
    self.query = query
    self.component = component
    self.batchID = batchID
    self.rows = rows
  }
}

/// Someone who looks at the rows of queries. Called on the threads that compute them, several at a time: it must be quick, and must not
/// wait.
public protocol TapWatcher: AnyObject, Sendable {
  /// Of `available` rows that go by, how many it wants to see.
  func wanted(of component: TapComponent, in query: String, available: Int) -> Int
  /// The rows that it wanted, or fewer where they are large.
  func receive(_ sample: TapSample)
}
