public import MillraceColumnar
public import MillraceCore
public import MillraceFormats

/// How a scanned relation is read: a source, and the decoding of its bytes.
public struct ScanBinding: Sendable {
  /// The relation's name in the query.
  public var name: String
  /// The source and, where it gives bytes, what turns them into rows.
  public var input: Input
  /// All columns, those of the decoding or of the row source.
  public var schema: Schema
  /// Whether the scan belongs to a stream; false for a table, which is read to its end for each batch that needs it.
  public var isStreaming: Bool
  /// What merges the source's files by event time; nil: they are read one by one. `input` reads through it.
  public var replay: ReplaySource?
  /// When a table is read anew.
  public var reload = TableReload.eachBatch
  /// What becomes of records that cannot be decoded.
  public var badRecords = BadRecordSettings()
  /// Whether the records of the bytes are written as `RecordEscaping` does.
  public var escapesRecords = false
  /// How the bytes are cut into records.
  public var records = RecordRules()

  /// A source with what its rows are made by.
  public enum Input: Sendable {
    /// Bytes, framed and decoded by the engine.
    case bytes(any ByteSource, any Decoding)
    /// Rows as the source makes them.
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
