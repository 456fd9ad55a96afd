package import MillraceCore

/// A case of `tests`: rows that are given to a pipeline's sources, and what must come out of it.
package struct PipelineTest: Sendable {
  package var name: String
  package var place: Place
  /// The pipeline's name; the file has it.
  package var pipeline: String
  /// What each batch is given, by source or table.
  package var given: [[Input]]
  /// The time of each batch in microseconds; that of the last holds for those that follow.
  package var clock: [Int64]
  /// What the sinks must have got in the end.
  package var expectations: [Expectation]
  /// Where the watermark must stand in the end, microseconds.
  package var watermark: Located<Int64>?
  /// How many rows must have been left out as late.
  package var lateRows: Located<Int64>?
  /// How many records must have been found that cannot be decoded.
  package var badRecords: Located<Int64>?
  /// Crash points at which the case is killed and goes on, `name` or `name:nth`.
  package var crashPoints: [LocatedText]

  /// A value and where it stands.
  package struct Located<Value: Sendable>: Sendable {
    package var value: Value
    package var place: Place
  }

  /// The rows of one source in one batch.
  package struct Input: Sendable {
    package var name: String
    package var place: Place
    package var rows: Rows
  }

  /// Rows as a file spells them.
  package enum Rows: Sendable {
    /// Objects by column, as JSON texts.
    case objects([Located<JSON>])
    /// Raw records, for the source's `decode`.
    case records([String])
  }

  /// The rows of one sink.
  package struct Expectation: Sendable {
    package var sink: String
    package var place: Place
    package var rows: [Located<JSON>]
    /// Whether they must come in this order.
    package var isOrdered: Bool
  }
}
