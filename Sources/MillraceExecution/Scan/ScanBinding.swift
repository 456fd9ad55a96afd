public import MillraceColumnar
public import MillraceCore
public import MillraceFormats

/// How a scanned relation is read: a source, and the decoding of its bytes.
public struct ScanBinding: Sendable {
  /// The relation's name in the query.
  public var name: String
  public var input: Input
  /// All columns, those of the decoding or of the row source.
  public var schema: Schema
  public var isStreaming: Bool

  /// A source with what its rows are made by.
  public enum Input: Sendable {
    case bytes(any ByteSource, any Decoding)
    case rows(any RowSource)

    /// The source whatever its kind.
    public var source: any Source {
      switch self {
      case .bytes(let source, _): source
      case .rows(let source): source
      }
    }
  }

  /// Binds a relation.
  public init(name: String, input: Input, isStreaming: Bool) {
    self.name = name
    self.input = input
    self.isStreaming = isStreaming
    switch input {
    case .bytes(_, let decoding): schema = decoding.schema
    case .rows(let source): schema = source.schema
    }
  }
}
