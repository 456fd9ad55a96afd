public import MillraceColumnar

/// Windows of event time: `[start, end)`, aligned to 1970-01-01T00:00:00Z plus an offset.
///
/// The analyzer turns `window(ts, …)` into `structure` for tumbling windows, and into an explosion of `all` for sliding ones.
public struct TimeWindow: Hashable, Sendable {
  /// Microseconds from start to end.
  public var duration: Int64
  /// Microseconds from one start to the next; equal to `duration` for tumbling windows.
  public var slide: Int64
  /// Microseconds by which starts are shifted.
  public var start: Int64

  /// Checks the lengths as Spark. Throws `DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE` and
  /// `DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION`.
  public init(duration: Int64, slide: Int64? = nil, start: Int64 = 0) throws {
    self.duration = duration
    self.slide = slide ?? duration
    self.start = start
    for (name, value) in [("window duration", duration), ("slide duration", self.slide)] where value <= 0 {
      throw MillraceError(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the \(name) must be positive, but it is \(value) microseconds")
    }
    if self.slide > duration {
      throw MillraceError(
        "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
        "the slide of \(self.slide) microseconds is longer than the window of \(duration)")
    }
    if start.magnitude >= self.slide.magnitude {
      throw MillraceError(
        "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
        "the start of \(start) microseconds is not shorter than the slide of \(self.slide)")
    }
  }

  /// Parses the texts of `window(ts, duration[, slide[, start]])`.
  public init(duration: String, slide: String? = nil, start: String? = nil) throws {
    try self.init(
      duration: IntervalParser.fixedMicroseconds(duration),
      slide: slide.map { try IntervalParser.fixedMicroseconds($0) },
      start: start.map { try IntervalParser.fixedMicroseconds($0) } ?? 0)
  }

  /// Whether a time lies in one window only.
  public var isTumbling: Bool { slide == duration }

  /// Most windows that hold one time.
  public var overlap: Int { Int((duration + slide - 1) / slide) }

  /// STRUCT<start, end> of a time's type.
  public static func type(of timestamp: DataType) -> DataType {
    .structure([StructField("start", timestamp), StructField("end", timestamp)])
  }

  /// The window of `timestamp` as STRUCT<start, end>; with `index`, the window that began so many slides earlier.
  public func structure(_ timestamp: Expression, index: Int = 0) -> Expression {
    let window = self
    return Bind.call(
      "window_struct", [timestamp], Self.type(of: timestamp.type), variant: "\(duration)/\(slide)/\(start)/\(index)"
    ) {
      vectors, count in
      window.structures(vectors[0], index, count)
    }
  }

  /// All windows of `timestamp` as ARRAY<STRUCT<start, end>>, newest start first. NULL gives NULL.
  public func all(_ timestamp: Expression) -> Expression {
    let window = self
    let element = Self.type(of: timestamp.type)
    return Bind.call(
      "window_list", [timestamp], .array(element: element, containsNull: false),
      variant: "\(duration)/\(slide)/\(start)"
    ) { vectors, count in window.lists(vectors[0], element, count) }
  }

  /// Start of the latest window that holds a time.
  @inline(__always)
  func lastStart(_ time: Int64) -> Int64 {
    let rest = (time &- start) % slide
    return time &- (rest < 0 ? rest &+ slide : rest)
  }

  private func structures(_ times: ColumnVector, _ index: Int, _ count: Int) -> ColumnVector {
    let shift = Int64(index) &* slide
    let length = duration
    let starts = ColumnVector.map(times.type, times) { (time: Int64) -> Int64 in lastStart(time) &- shift }
    let ends = ColumnVector.map(times.type, starts) { (start: Int64) -> Int64 in start &+ length }
    return ColumnVector(
      type: Self.type(of: times.type), count: count, values: MemoryBuffer(capacity: 0), validity: times.validity,
      isConstant: times.isConstant, children: [starts, ends])
  }

  private func lists(_ times: ColumnVector, _ element: DataType, _ count: Int) -> ColumnVector {
    let rows = times.isConstant ? min(count, 1) : count
    let lists = MemoryBuffer(capacity: max(rows, 1) * 8)
    let starts = MemoryBuffer(capacity: rows * overlap * 8), ends = MemoryBuffer(capacity: rows * overlap * 8)
    let startValues = starts.base.assumingMemoryBound(to: Int64.self),
      endValues = ends.base.assumingMemoryBound(to: Int64.self)
    let values = times.values(as: Int64.self)
    var total = 0
    for row in 0..<rows {
      let first = total
      if !times.isNull(row) {
        var begin = lastStart(values[row])
        while begin &+ duration > values[row] {
          startValues[total] = begin
          endValues[total] = begin &+ duration
          total &+= 1
          begin &-= slide
        }
      }
      lists.base.assumingMemoryBound(to: ListView.self)[row] = ListView(offset: first, length: total - first)
    }
    let fields = [starts, ends].map { ColumnVector(type: times.type, count: total, values: $0) }
    let child = ColumnVector(type: element, count: total, values: MemoryBuffer(capacity: 0), children: fields)
    return ColumnVector(
      type: .array(element: element, containsNull: false), count: count, values: lists, validity: times.validity,
      isConstant: times.isConstant, children: [child])
  }
}

/// Functions of windows that need no analyzer.
enum TimeWindowFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "window_time", summary: "The last microsecond of a window, which can be used as its event time.",
      example:
        "window_time(named_struct('start', TIMESTAMP'2024-01-01 00:00:00', 'end', TIMESTAMP'2024-01-01 00:01:00'))"
    ) { (arguments: [Expression], _: BindingContext) in
      try Arguments.expectCount("window_time", arguments, 1)
      guard let fields = arguments[0].type.fields, fields.count == 2, fields[1].type.isTimestamp else {
        throw Arguments.unexpectedType("window_time", 0, arguments[0].type, .type(TimeWindow.type(of: .timestamp)))
      }
      return Bind.call("window_time", arguments, fields[1].type) { vectors, count in
        let ends = vectors[0].children[1]
        let shifted = ColumnVector.map(ends.type, ends) { (end: Int64) -> Int64 in end &- 1 }
        guard vectors[0].mayHaveNulls else { return shifted }
        let valid =
          vectors[0].isConstant == shifted.isConstant ? Bitmap.and(vectors[0].validity, shifted.validity) : nil
        return valid.map { shifted.withValidity($0) } ?? RowLoop.values(ends.type, vectors, count) { shifted.long($0) }
      }
    }
  ]
}
