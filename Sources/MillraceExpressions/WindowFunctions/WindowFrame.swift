public import MillraceColumnar

/// Which rows around a row a window function sees.
public struct WindowFrame: Sendable {
  /// What offsets count.
  public enum Unit: Sendable {
    case rows
    /// Values of the one ordering key.
    case range
  }

  /// One end of a frame. Offsets are not negative: numbers of rows, or amounts in the type of the key (days for dates, microseconds
  /// of a day-time interval, months of a year-month interval) together with the offset's own type.
  public enum Bound: Sendable {
    case unboundedPreceding
    case preceding(Value, DataType)
    case currentRow
    case following(Value, DataType)
    case unboundedFollowing
  }

  /// What offsets count.
  public var unit: Unit
  /// The first row or value.
  public var lower: Bound
  /// The last row or value.
  public var upper: Bound

  /// Makes a frame.
  public init(_ unit: Unit, _ lower: Bound, _ upper: Bound) {
    self.unit = unit
    self.lower = lower
    self.upper = upper
  }

  /// All rows of the partition.
  public static let wholePartition = WindowFrame(.rows, .unboundedPreceding, .unboundedFollowing)
  /// From the start of the partition to the last peer of the row: the frame of an ordered window that names none.
  public static let upToPeers = WindowFrame(.range, .unboundedPreceding, .currentRow)

  /// Throws unless the frame may stand with ordering keys of these types.
  public func check(orderKeys: [DataType]) throws {
    try checkBounds()
    guard unit == .range, isOffset(lower) || isOffset(upper) else { return }
    guard orderKeys.count == 1 else {
      let code =
        orderKeys.isEmpty ? "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER" : "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER"
      throw MillraceError(
        code, "a RANGE frame with an offset needs one ordering key, not \(orderKeys.count)",
        hint: "use ROWS, or order by one key")
    }
    for case .some(let type) in [offsetType(lower), offsetType(upper)] {
      guard type.isNumeric || type.isInterval else {
        throw MillraceError(
          "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
          "a RANGE offset cannot be of type \(type.sql)", hint: "use a number or an interval")
      }
      guard orderKeys[0].isNumeric || orderKeys[0].isDatetime || orderKeys[0].isInterval else {
        throw MillraceError(
          "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
          "a RANGE frame with an offset cannot stand with an ordering key of type \(orderKeys[0].sql)",
          hint: "use ROWS, or order by a number, a date or a timestamp")
      }
      guard Self.fits(type, orderKeys[0]) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.RANGE_FRAME_INVALID_TYPE",
          "a RANGE offset of type \(type.sql) does not fit an ordering key of type \(orderKeys[0].sql)")
      }
    }
  }

  /// The frame must begin where it can and not after its end.
  private func checkBounds() throws {
    if case .unboundedFollowing = lower { throw invalidBound("begin", "UNBOUNDED FOLLOWING") }
    if case .unboundedPreceding = upper { throw invalidBound("end", "UNBOUNDED PRECEDING") }
    if unit == .rows {
      for case .some(let type) in [offsetType(lower), offsetType(upper)] where !type.isIntegral {
        throw MillraceError(
          "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
          "a ROWS offset must be a whole number, but it is of type \(type.sql)")
      }
    }
    if startsAfterEnd {
      throw MillraceError(
        "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON", "the frame begins after its end",
        hint: "put the lower bound first")
    }
  }

  private var startsAfterEnd: Bool {
    switch (lower, upper) {
    case (.following, .preceding): true
    case (.preceding(.integer(let first), _), .preceding(.integer(let last), _)): first < last
    case (.following(.integer(let first), _), .following(.integer(let last), _)): first > last
    default: false
    }
  }

  private func invalidBound(_ verb: String, _ bound: String) -> MillraceError {
    MillraceError(
      "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_INVALID_BOUND", "a frame cannot \(verb) with \(bound)")
  }

  private static func fits(_ offset: DataType, _ key: DataType) -> Bool {
    switch (key, offset) {
    case (.date, .integer), (.date, .short), (.date, .byte), (.date, .dayTimeInterval), (.date, .yearMonthInterval):
      true
    case (.timestamp, .dayTimeInterval), (.timestamp, .yearMonthInterval), (.timestamp, .calendarInterval): true
    case (.timestampNTZ, .dayTimeInterval), (.timestampNTZ, .yearMonthInterval), (.timestampNTZ, .calendarInterval):
      true
    case (.date, .calendarInterval), (.dayTimeInterval, .dayTimeInterval), (.yearMonthInterval, .yearMonthInterval):
      true
    default: key.isNumeric && offset.isNumeric
    }
  }

  private func isOffset(_ bound: Bound) -> Bool { offsetType(bound) != nil }

  private func offsetType(_ bound: Bound) -> DataType? {
    switch bound {
    case .preceding(_, let type), .following(_, let type): type
    case .unboundedPreceding, .currentRow, .unboundedFollowing: nil
    }
  }
}

/// Rows sorted by partition and ordering, with what a window function reads.
public struct WindowInput: Sendable {
  /// Number of rows.
  public var rowCount: Int
  /// First row of every partition, ascending; begins with 0 unless there are no rows.
  public var partitionStarts: [Int]
  /// First row of every run of rows that are equal in partition and ordering.
  public var peerStarts: [Int]
  /// The function's arguments for all rows.
  public var arguments: [ColumnVector]
  /// The ordering key of a RANGE frame with offsets, and whether it descends.
  public var orderKey: (column: ColumnVector, isDescending: Bool)?

  /// Makes the input from sorted columns; boundaries lie where neighbours differ.
  public init(
    rowCount: Int, partitionColumns: [ColumnVector], orderColumns: [(column: ColumnVector, isDescending: Bool)],
    arguments: [ColumnVector]
  ) {
    self.rowCount = rowCount
    self.arguments = arguments
    partitionStarts = Self.starts(partitionColumns, rowCount)
    peerStarts = Self.starts(partitionColumns + orderColumns.map(\.column), rowCount)
    orderKey = orderColumns.count == 1 ? orderColumns[0] : nil
  }

  /// The same boundaries for another function.
  public func with(arguments: [ColumnVector]) -> WindowInput {
    var copy = self
    copy.arguments = arguments
    return copy
  }

  private static func starts(_ columns: [ColumnVector], _ rowCount: Int) -> [Int] {
    if rowCount == 0 { return [] }
    let varying = columns.filter { !$0.isConstant }
    return [0]
      + (1..<max(rowCount, 1)).filter { row in varying.contains { ValueOrder.compare($0, row - 1, $0, row) != 0 } }
  }
}
