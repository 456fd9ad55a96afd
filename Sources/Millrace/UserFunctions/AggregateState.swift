public import MillraceColumnar

/// What a user-defined aggregate keeps for each group. A query writes it into columns, so that workers can hand partial results to each
/// other and a stream's state outlives the process.
///
/// A number, text, array or any other `SQLValue` is a state by itself. A struct writes its parts and reads them in the same order:
///
/// ```swift
/// struct Mean: AggregateState {
///   var sum = 0.0
///   var count: Int64 = 0
///   static let stateTypes: [DataType] = [.double, .long]
///   init() {}
///   init(from row: inout AggregateStateReader) throws { (sum, count) = (try row.next(), try row.next()) }
///   func write(to row: inout AggregateStateWriter) {
///     row.append(sum)
///     row.append(count)
///   }
/// }
/// ```
public protocol AggregateState: Sendable {
  /// Types of the parts. A change of them makes old checkpoints unreadable, which is noticed at the start of the query.
  static var stateTypes: [DataType] { get }
  /// Reads the parts.
  init(from row: inout AggregateStateReader) throws
  /// Writes the parts.
  func write(to row: inout AggregateStateWriter)
}

/// Reads one state, part by part.
public struct AggregateStateReader {
  private let columns: [ColumnVector]
  private let row: Int
  private var position = 0

  init(_ columns: [ColumnVector], row: Int) {
    self.columns = columns
    self.row = row
  }

  /// The next part. Throws `STATE_ROW_DAMAGED` where there is none, or NULL for a type that does not take it.
  public mutating func next<Part: SQLValue>(_ type: Part.Type = Part.self) throws -> Part {
    guard position < columns.count else {
      throw AggregateStateReader.damaged("a state has \(columns.count) parts only")
    }
    let column = columns[position]
    position += 1
    guard Part.acceptsNull || !column.isNull(row) else {
      throw AggregateStateReader.damaged("part \(position) of a state is NULL")
    }
    guard Part.sqlType.isNested else { return Part.read(column, row) }
    if column.isNull(row) { return Part.read(.nulls(Part.sqlType, count: 1), 0) }
    let builder = ColumnBuilder(Part.sqlType, capacity: 1)
    try RowCodec([Part.sqlType], isCanonical: false).decode(column.bytes(row), into: [builder])
    return Part.read(builder.finish(), 0)
  }

  private static func damaged(_ what: String) -> MillraceError {
    MillraceError("STATE_ROW_DAMAGED", what, hint: "write and read the same parts in the same order")
  }
}

/// Writes one state, part by part, in the order of `stateTypes`.
public struct AggregateStateWriter {
  private let builders: [ColumnBuilder]
  private var position = 0

  init(_ builders: [ColumnBuilder]) { self.builders = builders }

  /// Columns that carry parts of the given types: nested ones as BINARY.
  static func carriers(_ types: [DataType]) -> [DataType] { types.map { $0.isNested ? .binary : $0 } }

  /// Appends the next part, which must be of the next type.
  public mutating func append(_ part: some SQLValue) {
    precondition(position < builders.count, "more parts were written than stateTypes has")
    let builder = builders[position]
    position += 1
    write(part, builder)
  }

  private func write<Part: SQLValue>(_ part: Part, _ builder: ColumnBuilder) {
    let type = Part.sqlType
    precondition(
      builder.type == (type.isNested ? .binary : type), "a part of \(type.sql) was written as \(builder.type.sql)")
    guard type.isNested else { return part.append(to: builder) }
    let one = ColumnBuilder(type, capacity: 1)
    part.append(to: one)
    let column = one.finish()
    if column.isNull(0) { return builder.appendNull() }
    RowCodec([type], isCanonical: false).encode([column], row: 0).withUnsafeBytes { builder.append(bytes: $0) }
  }

  /// Ends the row.
  func finish() { precondition(position == builders.count, "fewer parts were written than stateTypes has") }
}

extension AggregateState where Self: SQLValue {
  /// The value's own type.
  public static var stateTypes: [DataType] { [sqlType] }
  /// Reads the value.
  public init(from row: inout AggregateStateReader) throws { self = try row.next() }
  /// Writes the value.
  public func write(to row: inout AggregateStateWriter) { row.append(self) }
}

extension Bool: AggregateState {}
extension Int: AggregateState {}
extension Int32: AggregateState {}
extension Int64: AggregateState {}
extension Double: AggregateState {}
extension String: AggregateState {}
extension Timestamp: AggregateState {}
extension Optional: AggregateState where Wrapped: SQLValue {}
extension Array: AggregateState where Element: SQLValue {}
extension Dictionary: AggregateState where Key: SQLValue, Value: SQLValue {}
