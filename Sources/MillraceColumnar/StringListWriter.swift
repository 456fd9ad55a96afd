import CKernels
import Glibc

/// Builds ARRAY<STRING> whose elements are views into the bytes of a source vector: nothing is copied.
public struct StringListWriter {
  private var views: UnsafeMutablePointer<StringView>
  private var buffer: MemoryBuffer
  private var capacity: Int
  private var count = 0
  private let lists: MemoryBuffer
  private let rowCount: Int
  private var row = 0
  private var rowStart = 0
  private var nulls: NullTracker

  /// For exactly `rows` rows.
  public init(rows: Int) {
    rowCount = rows
    capacity = max(rows * 4, 64)
    buffer = MemoryBuffer(capacity: capacity * 16)
    views = buffer.base.assumingMemoryBound(to: StringView.self)
    lists = MemoryBuffer(capacity: max(rows, 1) * 8)
    nulls = NullTracker(count: max(rows, 1))
  }

  /// Elements of the present row so far.
  public var elementCount: Int { count - rowStart }

  private mutating func grow(_ more: Int) {
    // Rows to come are taken to have as many elements as those so far.
    let expected = row == 0 ? 0 : (count &* rowCount / row) &+ (count >> 4)
    let larger = MemoryBuffer(capacity: max(capacity * 2, count + more, min(expected, capacity * 16)) * 16)
    memcpy(larger.base, buffer.base, count * 16)
    buffer = larger
    capacity = larger.capacity / 16
    views = larger.base.assumingMemoryBound(to: StringView.self)
  }

  /// Appends an element to the present row.
  @inline(__always)
  public mutating func append(_ view: StringView) {
    if count == capacity { grow(1) }
    views[count] = view
    count &+= 1
  }

  /// Ends the present row.
  public mutating func end() {
    lists.base.assumingMemoryBound(to: ListView.self)[row] = ListView(offset: rowStart, length: count - rowStart)
    row += 1
    rowStart = count
  }

  /// Ends the present row as NULL.
  public mutating func endNull() {
    nulls.setNull(row)
    count = rowStart
    end()
  }

  /// Appends the parts of `bytes` between occurrences of one byte and ends the row. Never more than `limit` parts.
  /// With `isPadded` the memory must be readable 64 bytes past the end.
  public mutating func split(_ bytes: UnsafeRawBufferPointer, at separator: UInt8, limit: Int, isPadded: Bool) {
    guard let base = bytes.baseAddress else {
      append(StringView())
      return end()
    }
    if isPadded && limit == .max {
      splitPadded(base, bytes.count, separator)
    } else {
      var start = 0
      while elementCount &+ 1 < limit, let hit = memchr(base + start, Int32(separator), bytes.count - start) {
        let at = base.distance(to: UnsafeRawPointer(hit))
        append(StringView(base + start, at - start))
        start = at + 1
      }
      append(StringView(base + start, bytes.count - start))
    }
    end()
  }

  /// Splits all rows, none of which may be NULL, at every occurrence of one byte. The memory of each must be readable 64 bytes past its end.
  public mutating func split(rows: UnsafePointer<StringView>, at separator: UInt8) {
    precondition(row == 0, "all rows at once")
    // Words of a text have five or six bytes with their blank. Room that is not needed costs nothing, parts that move do.
    var bytes = 0
    for row in 0..<rowCount { bytes &+= rows[row].count }
    let expected = rowCount &+ min(bytes / 5, 1 << 18)
    if expected > capacity { grow(expected) }
    let words = UnsafeRawPointer(rows).assumingMemoryBound(to: ck_view_words.self)
    let lists = self.lists.base.assumingMemoryBound(to: ck_list.self)
    var state = ck_split_state()
    while true {
      let out = buffer.base.assumingMemoryBound(to: ck_view_words.self)
      let lacking = ck_split_rows(words, rowCount, separator, &state, lists, out, capacity)
      row = state.row
      count = state.parts
      rowStart = count
      if lacking > 0 {
        grow(lacking)
        continue
      }
      if row == rowCount { return }
      splitPadded(rows[row].address, rows[row].count, separator)
      end()
      state = ck_split_state(row: row, parts: count)
    }
  }

  private mutating func splitPadded(_ base: UnsafeRawPointer, _ length: Int, _ separator: UInt8) {
    var start = 0
    var at = 0
    while at < length {
      var mask = ck_mask64(base + at, separator)
      let rest = length &- at
      if rest < 64 { mask &= (1 << UInt64(truncatingIfNeeded: rest)) &- 1 }
      if count &+ 65 > capacity { grow(65) }
      let out = views
      var next = count
      while mask != 0 {
        let hit = at &+ mask.trailingZeroBitCount
        out[next] = StringView(padded: base + start, hit &- start)
        next &+= 1
        start = hit &+ 1
        mask &= mask &- 1
      }
      count = next
      at &+= 64
    }
    append(StringView(padded: base + start, length &- start))
  }

  /// Appends the parts of `bytes` between occurrences of `separator` and ends the row.
  public mutating func split(_ bytes: UnsafeRawBufferPointer, at separator: UnsafeRawBufferPointer, limit: Int) {
    var start = 0
    while elementCount + 1 < limit, let at = bytes.offset(of: separator, from: start) {
      append(StringView(bytes, start..<at))
      start = at + separator.count
    }
    append(StringView(bytes, start..<bytes.count))
    end()
  }

  /// Whether the memory of a string column may be read 64 bytes past the end of each value.
  public static func isPadded(_ vector: ColumnVector) -> Bool {
    vector.owners.allSatisfy { $0 is MemoryBuffer }
  }

  /// The finished ARRAY<STRING>; `owners` hold the bytes of long elements.
  public func finish(count rows: Int, isConstant: Bool = false, owners: [AnyObject]) -> ColumnVector {
    let child = ColumnVector(type: .string, count: count, values: buffer, owners: owners)
    return ColumnVector(
      type: .array(element: .string, containsNull: false), count: rows, values: lists, validity: nulls.validity,
      isConstant: isConstant, children: [child])
  }
}
