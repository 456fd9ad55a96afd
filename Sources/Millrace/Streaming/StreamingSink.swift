import MillraceColumnar
public import MillraceCore
public import MillraceFormats
public import MillracePlan
import MillraceStreaming

/// One result of a streaming query as a user asks for it: a query, how its rows come out, and where they go.
public struct StreamingSink: Sendable {
  /// The sink's name.
  public var name: String
  /// The analyzed query whose result rows go to this sink.
  public var query: AnalyzedQuery
  /// Whether the sink gets new rows (append), changed rows (update) or the whole result (complete) in each batch.
  public var outputMode: OutputMode
  /// The connector's name.
  public var format: String
  /// The connector's own options as written, by name; checked against its `ConnectorSpec` before the query starts.
  public var options: [String: String]
  /// Encoder of a byte sink and its settings; nil: what the format implies, else `json`.
  public var encode: String?
  /// Settings of the encoder as written, by name; checked against its `EncoderFormat`.
  public var encodeOptions: [String: String] = [:]
  /// What becomes of single rows that the sink's target refuses: `fail` (also nil), `skip` or `deadLetter`.
  public var badRecords: BadRecordPolicy?
  /// What becomes of what waits for more input when everything was read; nil: what the query's options say.
  public var onEndOfInput: EndOfInput?
  /// The sink itself where a program gave one instead of a connector's name.
  var program: Program?

  /// A sink that a program brings along.
  struct Program: Sendable {
    /// What it is called in messages, for instance `foreachBatch`.
    var name: String
    /// Whether it can take rows as they come, without batches.
    var isContinuous: Bool
    /// Makes the sink for one query.
    var make: @Sendable (SinkRequest) throws -> any RowSink
  }

  /// A sink of a query.
  public init(
    name: String, query: AnalyzedQuery, outputMode: OutputMode = .append, format: String,
    options: [String: String] = [:]
  ) {
    self.name = name
    self.query = query
    self.outputMode = outputMode
    self.format = format
    self.options = options
  }

  /// Checks the sink against the connector's and encoder's specs and makes it, without touching the world.
  func bind(_ session: SparkSession) throws -> SinkBinding {
    if let program { return try bind(program, session) }
    let end = SinkEnd(format: format, options: options, encode: encode, encodeOptions: encodeOptions)
    var binding = try end.bind(name: name, schema: query.plan.schema, outputMode: outputMode, session)
    binding.rejectedRows = try rejectedRows(of: binding)
    return binding
  }

  /// What becomes of rows that the target refuses, if the sink can leave them out.
  private func rejectedRows(of binding: SinkBinding) throws -> BadRecordPolicy? {
    switch badRecords {
    case nil, .fail: return badRecords
    case .null:
      throw MillraceError(
        "BAD_RECORDS_NOT_APPLICABLE", "onBadRecord of the sink '\(name)' is null",
        hint:
          "a row that the sink's target refuses can be left out (skip), go to the dead letters (deadLetter), or end the query (fail)"
      )
    case .skip, .deadLetter:
      if binding.kind.sink is any RejectingSink { return badRecords }
      throw MillraceError(
        "BAD_RECORDS_NOT_APPLICABLE", "the sink '\(name)' (\(format)) takes a batch as a whole or not at all",
        hint: "leave 'onBadRecord' out")
    }
  }

  private func bind(_ program: Program, _ session: SparkSession) throws -> SinkBinding {
    let schema = query.plan.schema
    // A program has no options: what was set is a mistake.
    let request = SinkRequest(
      name: name, options: try Options(options, fields: [], of: "the sink '\(name)' (\(program.name))"),
      schema: schema, outputMode: outputMode, environment: session.environment)
    return SinkBinding(name: name, kind: .rows(try program.make(request)), schema: schema)
  }
}

/// What a query promises about each row of its results.
public enum DeliveryGuarantee: String, Sendable, Comparable, CaseIterable {
  /// A crash may lose rows: they came from a source that cannot give them again, and were kept in memory only.
  case atMostOnce = "at-most-once"
  /// A crash may repeat rows.
  case atLeastOnce = "at-least-once"
  /// Each row has its effect once, whatever happens.
  case exactlyOnce = "exactly-once"

  /// Weaker before stronger, in the order of the cases.
  public static func < (left: Self, right: Self) -> Bool { left.strength < right.strength }

  private var strength: Int {
    switch self {
    case .atMostOnce: 0
    case .atLeastOnce: 1
    case .exactlyOnce: 2
    }
  }
}
