public import MillraceColumnar
import MillracePlan

/// A program that is called with the rows of each key of a stream and keeps state for it: `GroupedData.transformWithState`.
///
/// One processor serves one run of a query, or one partition of its keys where it was given several, which run side by side. All calls of a
/// processor come one after the other: `initialize` once, then for each batch `handleInputRows` for
/// every key that has rows, in the order in which keys first come, then `handleExpiredTimer` for every timer that is due, then, when the
/// query ends, `close`. State variables are made in `initialize` and belong, in each call, to the key that the call is about. State and
/// output of a batch are committed together: after a crash a batch is computed again from the state before it, so a processor must keep
/// what it knows of the past in state variables, not in properties.
///
/// ```swift
/// final class Counter: StatefulProcessor {
///   private var count: ValueState<Int64>!
///
///   func initialize(_ handle: StatefulProcessorHandle) throws {
///     count = try handle.getValueState("count", Int64.self)
///   }
///
///   func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
///     let total = (try count.get() ?? 0) + Int64(rows.count)
///     try count.update(total)
///     try output.append(key[0], total)
///   }
/// }
/// ```
public protocol StatefulProcessor: AnyObject {
  /// Makes the state variables. Called once, before everything else.
  func initialize(_ handle: StatefulProcessorHandle) throws
  /// Takes in the rows that a batch has for a key.
  func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws
  /// A timer of a key is due. It is gone already.
  func handleExpiredTimer(_ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows) throws
  /// The query ends. State cannot be used any more.
  func close()
}

extension StatefulProcessor {
  /// Nothing happens.
  public func handleExpiredTimer(
    _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
  ) throws {}
  /// Nothing to end.
  public func close() {}
}

/// A processor that begins with state from elsewhere: rows of a bounded query by key, for instance those of another query's state.
///
/// In the first batch of the query's whole life `handleInitialState` is called for each of those rows before the batch's own, whether its key
/// has any or not. A batch that is run again after a crash does the same again.
public protocol StatefulProcessorWithInitialState: StatefulProcessor {
  /// Makes state of a row; rows of a key come one after the other, in their order.
  func handleInitialState(_ key: Row, _ initialState: InputRow, _ timers: TimerValues) throws
}

/// What a processor may know of time in a call.
public struct TimerValues: Sendable {
  let times: StateTimes

  /// The batch's time in milliseconds since the epoch: the same when the batch is computed again.
  public var currentProcessingTimeInMs: Int64 { times.processing / 1000 }
  /// The watermark in milliseconds since the epoch; 0 before there is one.
  public var currentWatermarkInMs: Int64 { times.watermark / 1000 }
}

/// A timer that fires.
public struct ExpiredTimerInfo: Sendable {
  /// The time for which it was registered, in milliseconds since the epoch.
  public let expiryTimeInMs: Int64
}

/// The rows that a batch has for one key, in order. Only to be used during the call.
public struct InputRows: RandomAccessCollection {
  private let batch: RecordBatch
  private let names: [String]
  private let range: Range<Int>

  init(_ batch: RecordBatch, names: [String], _ range: Range<Int>) {
    self.batch = batch
    self.names = names
    self.range = range
  }

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of rows.
  public var endIndex: Int { range.count }
  /// A row.
  public subscript(position: Int) -> InputRow { InputRow(batch, names, range.lowerBound + position) }

  /// The rows as columns.
  public func columns() -> RecordBatch { batch.gathered(.range(range)) }
}

/// One row of the input.
public struct InputRow {
  private let batch: RecordBatch
  private let names: [String]
  private let position: Int

  init(_ batch: RecordBatch, _ names: [String], _ row: Int) {
    self.batch = batch
    self.names = names
    position = row
  }

  /// The value of a column in a Swift type: throws `FIELD_NOT_FOUND`, `FIELD_TYPE_MISMATCH` for another type, and
  /// `FIELD_IS_NULL` for NULL where the type is no `Optional`.
  public func get<T: SQLValue>(_ name: String, as type: T.Type = T.self) throws -> T {
    let index = try Row([], names: names).fieldIndex(name)
    return try get(index, as: type)
  }

  /// The value of the column at a position from 0.
  public func get<T: SQLValue>(_ index: Int, as type: T.Type = T.self) throws -> T {
    let column = batch.columns[index]
    guard column.type.matches(T.sqlType) else {
      throw MillraceError(
        "FIELD_TYPE_MISMATCH", "the column `\(names[index])` is \(column.type.sql), and was read as \(T.sqlType.sql)",
        hint: "read it as the type that it has, or cast it in the query")
    }
    guard T.acceptsNull || !column.isNull(position) else {
      throw MillraceError(
        "FIELD_IS_NULL", "the column `\(names[index])` is NULL", hint: "read it as an Optional")
    }
    return T.read(column, position)
  }

  /// All values.
  public func row() -> Row { Row(batch.columns.map { $0.value(position) }, names: names) }
}

/// Takes the rows that a processor gives. Only to be used during the call.
public struct OutputRows {
  private let builders: [ColumnBuilder]
  private let schema: Schema

  init(_ builders: [ColumnBuilder], _ schema: Schema) {
    self.builders = builders
    self.schema = schema
  }

  /// Gives a row: a value for each column of the output, of the column's type. Throws `STATEFUL_PROCESSOR_OUTPUT_MISMATCH`.
  public func append<each Part: OutputValue>(_ values: repeat each Part) throws {
    var parts: [any OutputValue] = []
    for value in repeat each values { parts.append(value) }
    guard parts.count == builders.count, zip(parts, builders).allSatisfy({ $0.fits($1.type) }) else {
      let given = parts.map { "\(type(of: $0))" }.joined(separator: ", ")
      throw MillraceError(
        "STATEFUL_PROCESSOR_OUTPUT_MISMATCH", "the processor gave (\(given)) for the columns \(schema.ddl)",
        hint: "give a value of the column's type for each column")
    }
    for (value, builder) in zip(parts, builders) { value.add(to: builder) }
  }
}

/// What can be a value of an output row: an `SQLValue`, or a value of a key.
public protocol OutputValue {
  /// Whether the value can be in a column of a type.
  func fits(_ type: DataType) -> Bool
  /// Appends the value to a column of a type that it fits.
  func add(to builder: ColumnBuilder)
}

extension OutputValue where Self: SQLValue {
  /// Whether the type is the value's own.
  public func fits(_ type: DataType) -> Bool { type.matches(Self.sqlType) }
  /// Appends the value.
  public func add(to builder: ColumnBuilder) { append(to: builder) }
}

extension Bool: OutputValue {}
extension Int8: OutputValue {}
extension Int16: OutputValue {}
extension Int32: OutputValue {}
extension Int64: OutputValue {}
extension Int: OutputValue {}
extension Float: OutputValue {}
extension Double: OutputValue {}
extension String: OutputValue {}
extension Binary: OutputValue {}
extension Timestamp: OutputValue {}
extension CalendarDate: OutputValue {}
extension Optional: OutputValue where Wrapped: SQLValue {}
extension Array: OutputValue where Element: SQLValue {}
extension Dictionary: OutputValue where Key: SQLValue, Value: SQLValue {}

extension Value: OutputValue {
  /// Whether the value's case is that of the type.
  public func fits(_ type: DataType) -> Bool {
    switch (self, type.physical) {
    case (.null, _), (.boolean, .bool), (.double, .double), (.double, .float), (.decimal, .int128),
      (.interval, .interval):
      true
    case (.integer, .int8), (.integer, .int16), (.integer, .int32), (.integer, .int64): true
    case (.string, .view): type == .string
    case (.binary, .view): type == .binary
    case (.array(let elements), .list):
      if case .array(let element, _) = type { elements.allSatisfy { $0.fits(element) } } else { false }
    case (.map(let entries), .list):
      if case .map(let key, let value, _) = type {
        entries.allSatisfy { $0.key.fits(key) && $0.value.fits(value) }
      } else {
        false
      }
    case (.structure(let fields), .structure):
      fields.count == type.fields?.count && zip(fields, type.fields ?? []).allSatisfy { $0.fits($1.type) }
    default: false
    }
  }

  /// Appends the value.
  public func add(to builder: ColumnBuilder) { builder.append(self) }
}
