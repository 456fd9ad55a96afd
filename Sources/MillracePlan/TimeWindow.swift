public import MillraceColumnar
public import MillraceExpressions

/// Tumbling and sliding windows over event time: `window(ts, duration, slide, start)`.
public struct TimeWindow: Hashable, Sendable {
  /// Microseconds.
  public var duration: Int64
  /// Microseconds between the starts of two windows; `duration` for a tumbling window.
  public var slide: Int64
  /// Microseconds by which window starts are shifted from the epoch.
  public var offset: Int64

  /// Most windows that one instant may lie in. Spark has no limit but its memory, which so many windows of each row would fill.
  static let windowLimit = 100_000

  /// Makes a window; throws as Spark when the slide exceeds the duration or one of them is not positive, and when an instant
  /// would lie in more than 100 000 windows.
  public init(duration: Int64, slide: Int64, offset: Int64) throws {
    func mismatch(_ what: String) -> MillraceError {
      MillraceError("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION", "the window's \(what)")
    }
    if duration <= 0 {
      throw MillraceError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the window duration must be positive")
    }
    if slide <= 0 { throw MillraceError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the slide duration must be positive") }
    if slide > duration { throw mismatch("slide must not be longer than its duration") }
    if offset.magnitude >= slide.magnitude { throw mismatch("start time must be shorter than its slide") }
    self.duration = duration
    self.slide = slide
    self.offset = offset
    if windowsPerRow > TimeWindow.windowLimit {
      throw mismatch("slide must not be shorter than 1/\(TimeWindow.windowLimit) of its duration")
    }
  }

  /// Whether every instant lies in exactly one window.
  public var isTumbling: Bool { slide == duration }

  /// Most windows that an instant can lie in.
  public var windowsPerRow: Int { Int(duration / slide) + (duration % slide == 0 ? 0 : 1) }

  /// Name of the function that makes a window struct out of its start; plans are matched by it.
  public static let structName = "window_struct"

  /// `struct<start, end>` of the last window that holds an instant.
  public func lastWindow(_ time: Expression) -> Expression {
    let window = self
    let start = BoundFunction("window_start", variant: "\(self)", type: time.type, isNullable: time.isNullable) {
      arguments, _, _ in
      ColumnVector.map(arguments[0].type, arguments[0]) { (time: Int64) in window.lastStart(time) }
    }
    return makeStruct(.call(start, [time]))
  }

  /// The struct of a window from its start.
  func makeStruct(_ start: Expression) -> Expression {
    let duration = self.duration
    let type = TimeWindow.structType(start.type)
    let function = BoundFunction(TimeWindow.structName, variant: "\(duration)", type: type, isNullable: false) {
      arguments, count, _ in
      let start = arguments[0]
      let end = ColumnVector.map(start.type, start) { (time: Int64) in time &+ duration }
      return .structure(type.fields ?? [], [start.flattened(), end.flattened()], count: count)
    }
    return .call(function, [start])
  }

  /// `struct<start, end>` over a time type.
  public static func structType(_ time: DataType) -> DataType {
    .structure([StructField("start", time), StructField("end", time)])
  }

  /// Start of the last window that holds `time`.
  @inline(__always)
  public func lastStart(_ time: Int64) -> Int64 {
    let shifted = time &- offset
    let remainder = shifted % slide
    return time &- (remainder < 0 ? remainder &+ slide : remainder)
  }

  /// A generator that gives every window of each row, newest start first, as Spark does; rows without a time give none.
  public func generator(_ time: Expression) -> Generator {
    let window = self
    let type = TimeWindow.structType(time.type)
    return Generator("window", output: [StructField("window", type, isNullable: false)], arguments: [time]) {
      arguments, count, _ in
      window.allWindows(arguments[0], count)
    }
  }

  private func allWindows(_ times: ColumnVector, _ count: Int) -> GeneratedRows {
    let most = windowsPerRow
    let parents = Selection(capacity: count * most)
    let starts = MemoryBuffer(capacity: count * most * 8)
    let ends = MemoryBuffer(capacity: count * most * 8)
    let startValues = starts.base.assumingMemoryBound(to: Int64.self)
    let endValues = ends.base.assumingMemoryBound(to: Int64.self)
    let values = times.values(as: Int64.self)
    var made = 0
    for row in 0..<count where !times.isNull(row) {
      let time = values[times.slot(row)]
      var start = lastStart(time)
      while start &+ duration > time {
        parents.rows[made] = Int32(truncatingIfNeeded: row)
        startValues[made] = start
        endValues[made] = start &+ duration
        made += 1
        start &-= slide
      }
    }
    let type = times.type
    let fields = TimeWindow.structType(type).fields ?? []
    let columns = [starts, ends].map { ColumnVector(type: type, count: made, values: $0) }
    return GeneratedRows(parents: parents.truncated(to: made), columns: [.structure(fields, columns, count: made)])
  }
}
