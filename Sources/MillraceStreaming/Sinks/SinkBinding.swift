public import MillraceCore
public import MillraceExecution
public import MillraceFormats

/// A sink of a query with what the engine needs to write to it.
public struct SinkBinding: Sendable {
  /// The sink's name in the pipeline.
  public var name: String
  /// The sink.
  public var kind: SinkKind
  /// Columns of the rows to come.
  public var schema: Schema
  /// How rows become bytes; needed by byte sinks.
  public var encoding: (any Encoding)?
  /// What becomes of single rows that the sink's target refuses; nil and `fail`: the query stops. Others need a `RejectingSink`.
  public var rejectedRows: BadRecordPolicy?

  /// Makes a binding.
  public init(
    name: String, kind: SinkKind, schema: Schema, encoding: (any Encoding)? = nil,
    rejectedRows: BadRecordPolicy? = nil
  ) {
    self.name = name
    self.kind = kind
    self.schema = schema
    self.encoding = encoding
    self.rejectedRows = rejectedRows
  }

  /// The sink, where it is to leave out single rows.
  var rejecting: (any RejectingSink)? {
    guard rejectedRows == .skip || rejectedRows == .deadLetter else { return nil }
    return kind.sink as? any RejectingSink
  }

  /// Where the executor writes the rows for this sink.
  public func makeOutput() throws -> any SinkOutput {
    switch kind {
    case .rows(let sink): return RowSinkOutput(sink)
    case .bytes(let sink):
      guard let encoding else {
        throw MillraceError("SINK_NEEDS_ENCODING", "the sink '\(name)' takes bytes and has no 'encode'")
      }
      return try ByteSinkOutput(sink, schema: schema, encoding: encoding)
    }
  }
}

/// Rows go to the sink as they come.
final class RowSinkOutput: SinkOutput {
  private let sink: any RowSink

  init(_ sink: any RowSink) { self.sink = sink }

  var takesRowsEarly: Bool { sink is any EarlyRowSink }
  var orderColumn: Int? { (sink as? any OrderedRowSink)?.orderColumn }

  func write(_ batch: RecordBatch) throws { try sink.write(batch) }

  func makeBlockEncoder() throws -> (any BlockEncoder)? { nil }

  func write(_ blocks: [FinishedBlock]) throws {
    throw MillraceError("INTERNAL_ERROR", "blocks were given to a sink that takes rows", fault: .bug)
  }
}
