/// Positions of rows in a batch, in the order in which they are wanted.
public struct Selection: @unchecked Sendable {
  @usableFromInline let buffer: MemoryBuffer
  /// Number of positions.
  public let count: Int

  /// The positions.
  @inlinable public var rows: UnsafeMutablePointer<Int32> { buffer.base.assumingMemoryBound(to: Int32.self) }

  /// Room for `capacity` positions; fill through `rows` before sharing, then call `truncated(to:)`.
  public init(capacity: Int) {
    buffer = MemoryBuffer(capacity: capacity * 4)
    count = capacity
  }

  private init(buffer: MemoryBuffer, count: Int) {
    self.buffer = buffer
    self.count = count
  }

  /// The first `count` positions.
  public func truncated(to count: Int) -> Selection { Selection(buffer: buffer, count: count) }

  /// Consecutive rows.
  public static func range(_ range: Range<Int>) -> Selection {
    let selection = Selection(capacity: range.count)
    let rows = selection.rows
    for (index, row) in range.enumerated() { rows[index] = Int32(truncatingIfNeeded: row) }
    return selection
  }

  /// Positions from an array.
  public init(_ positions: [Int]) {
    self.init(capacity: positions.count)
    for (index, row) in positions.enumerated() { rows[index] = Int32(truncatingIfNeeded: row) }
  }

  /// The rows in which a boolean vector is true (not false, not null).
  public init(whereTrue predicate: ColumnVector) {
    let count = predicate.count
    if predicate.isConstant {
      let isTrue = !predicate.isNull(0) && predicate.values(as: UInt8.self)[0] != 0
      self = isTrue ? .range(0..<count) : Selection(capacity: 0)
      return
    }
    let result = Selection(capacity: count)
    let out = result.rows
    let values = predicate.values(as: UInt8.self)
    var found = 0
    if let validity = predicate.validity {
      let words = validity.words
      for row in 0..<count {
        out[found] = Int32(truncatingIfNeeded: row)
        let bit = UInt8(truncatingIfNeeded: words[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1
        found &+= Int(values[row] & bit)
      }
    } else {
      for row in 0..<count {
        out[found] = Int32(truncatingIfNeeded: row)
        found &+= Int(values[row])
      }
    }
    self = result.truncated(to: found)
  }
}
