/// Loops over rows that handle nulls and constants, so that a function body is the operation itself.
/// All are inlinable: the body is specialised into the loop in the module that calls.
extension ColumnVector {
  /// `body` on every value; null in, null out. The body must accept the value of a null row.
  @inlinable
  public static func map<A, R>(_ type: DataType, _ a: ColumnVector, _ body: (A) -> R) -> ColumnVector {
    let stored = a.isConstant ? 1 : a.count
    let out = MemoryBuffer(capacity: stored * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    let x = a.values(as: A.self)
    for row in 0..<stored { target[row] = body(x[row]) }
    return ColumnVector(type: type, count: a.count, values: out, validity: a.validity, isConstant: a.isConstant)
  }

  /// `body` on every pair of values; null if either is null. The body must accept values of null rows.
  @inlinable
  public static func map<A, B, R>(
    _ type: DataType, _ a: ColumnVector, _ b: ColumnVector, _ body: (A, B) -> R
  ) -> ColumnVector {
    let x = a.values(as: A.self), y = b.values(as: B.self)
    if a.isConstant && b.isConstant {
      let out = MemoryBuffer(capacity: MemoryLayout<R>.stride)
      out.base.assumingMemoryBound(to: R.self)[0] = body(x[0], y[0])
      return ColumnVector(
        type: type, count: a.count, values: out, validity: .and(a.validity, b.validity), isConstant: true)
    }
    if a.isConstant && a.isNull(0) || b.isConstant && b.isNull(0) { return .nulls(type, count: a.count) }
    let count = a.count
    let out = MemoryBuffer(capacity: count * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    if a.isConstant {
      let constant = x[0]
      for row in 0..<count { target[row] = body(constant, y[row]) }
      return ColumnVector(type: type, count: count, values: out, validity: b.validity)
    }
    if b.isConstant {
      let constant = y[0]
      for row in 0..<count { target[row] = body(x[row], constant) }
      return ColumnVector(type: type, count: count, values: out, validity: a.validity)
    }
    for row in 0..<count { target[row] = body(x[row], y[row]) }
    return ColumnVector(type: type, count: count, values: out, validity: .and(a.validity, b.validity))
  }

  /// `body` on every value that is not null; it may throw, and gives nil for NULL.
  @inlinable
  public static func tryMap<A, R>(
    _ type: DataType, _ a: ColumnVector, _ body: (A) throws -> R?
  ) throws -> ColumnVector {
    let stored = a.isConstant ? 1 : a.count
    let out = MemoryBuffer(capacity: stored * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    let x = a.values(as: A.self)
    var nulls = NullTracker(count: stored)
    for row in 0..<stored {
      if a.isNull(row) {
        nulls.setNull(row)
      } else if let result = try body(x[row]) {
        target[row] = result
      } else {
        nulls.setNull(row)
      }
    }
    return ColumnVector(type: type, count: a.count, values: out, validity: nulls.validity, isConstant: a.isConstant)
  }

  /// `body` on every pair of values that are not null; it may throw, and gives nil for NULL.
  @inlinable
  public static func tryMap<A, B, R>(
    _ type: DataType, _ a: ColumnVector, _ b: ColumnVector, _ body: (A, B) throws -> R?
  ) throws -> ColumnVector {
    let isConstant = a.isConstant && b.isConstant
    let stored = isConstant ? min(a.count, 1) : a.count
    let out = MemoryBuffer(capacity: max(stored, 1) * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    let x = a.values(as: A.self), y = b.values(as: B.self)
    var nulls = NullTracker(count: max(stored, 1))
    for row in 0..<stored {
      if a.isNull(row) || b.isNull(row) {
        nulls.setNull(row)
      } else if let result = try body(x[a.slot(row)], y[b.slot(row)]) {
        target[row] = result
      } else {
        nulls.setNull(row)
      }
    }
    return ColumnVector(type: type, count: a.count, values: out, validity: nulls.validity, isConstant: isConstant)
  }

  /// Strings out of strings: `body` reads the bytes of one row and writes through the writer; it gives false for NULL.
  @inlinable
  public static func mapStrings(
    _ type: DataType, _ a: ColumnVector, _ body: (UnsafeRawBufferPointer, inout StringWriter) throws -> Bool
  ) rethrows -> ColumnVector {
    let stored = a.isConstant ? 1 : a.count
    var writer = StringWriter(rows: stored)
    for row in 0..<stored {
      if a.isNull(row) {
        writer.endNull()
      } else if try body(a.bytes(row), &writer) {
        writer.end()
      } else {
        writer.endNull()
      }
    }
    return writer.finish(type, count: a.count, isConstant: a.isConstant)
  }
}

/// Collects null rows; makes a bitmap only when there is one.
@frozen
public struct NullTracker {
  @usableFromInline var bits: Bitmap?
  @usableFromInline let count: Int

  /// For `count` rows, none of them null yet.
  @inlinable
  public init(count: Int) { self.count = count }

  /// Marks a row as null.
  @inlinable
  public mutating func setNull(_ row: Int) {
    if bits == nil { bits = Bitmap(count: count, all: true) }
    bits?.clear(row)
  }

  /// The validity of all rows, nil when none is null.
  @inlinable public var validity: Bitmap? { bits }
}

/// Builds a string column row by row in one growing buffer: append bytes, then `end()` or `endNull()`.
public struct StringWriter {
  @usableFromInline var arena = Arena()
  @usableFromInline var scratch: UnsafeMutableRawPointer
  @usableFromInline var scratchCapacity: Int
  @usableFromInline var used = 0
  @usableFromInline var row = 0
  @usableFromInline let out: MemoryBuffer
  @usableFromInline var scratchOwner: MemoryBuffer
  @usableFromInline var nulls: NullTracker

  /// For exactly `rows` rows.
  public init(rows: Int) {
    out = MemoryBuffer(capacity: rows * 16)
    scratchOwner = MemoryBuffer(capacity: 256)
    scratch = scratchOwner.base
    scratchCapacity = 256
    nulls = NullTracker(count: rows)
  }

  /// Makes room for `count` more bytes in the present row and gives their address; call `advance` after filling.
  @inlinable
  public mutating func reserve(_ count: Int) -> UnsafeMutableRawPointer {
    if used + count > scratchCapacity { growScratch(count) }
    return scratch + used
  }

  /// Says how many reserved bytes were filled.
  @inlinable
  public mutating func advance(_ count: Int) { used += count }

  @usableFromInline
  mutating func growScratch(_ count: Int) {
    let larger = MemoryBuffer(capacity: max(scratchCapacity * 2, used + count))
    larger.base.copyMemory(from: scratch, byteCount: used)
    scratchOwner = larger
    scratch = larger.base
    scratchCapacity = larger.capacity
  }

  /// Appends bytes to the present row.
  @inlinable
  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count).copyMemory(from: base, byteCount: bytes.count)
    used += bytes.count
  }

  /// Appends the text of a view to the present row; one that lies in the view without a branch on its length.
  @inlinable
  public mutating func append(_ view: StringView) {
    if !view.isInline { return append(UnsafeRawBufferPointer(start: view.address, count: view.count)) }
    // More than was reserved can be written, too: buffers end behind their capacity.
    let target = reserve(view.count)
    target.storeBytes(of: view.word0 >> 32 | view.word1 << 32, as: UInt64.self)
    target.storeBytes(of: UInt32(truncatingIfNeeded: view.word1 >> 32), toByteOffset: 8, as: UInt32.self)
    used &+= view.count
  }

  /// Appends one byte to the present row.
  @inlinable
  public mutating func append(_ byte: UInt8) {
    reserve(1).storeBytes(of: byte, as: UInt8.self)
    used += 1
  }

  /// Appends one byte `count` times to the present row.
  @inlinable
  public mutating func append(repeating byte: UInt8, _ count: Int) {
    reserve(count).initializeMemory(as: UInt8.self, repeating: byte, count: count)
    used += count
  }

  /// Appends the UTF-8 of a string to the present row.
  public mutating func append(_ string: String) {
    var copy = string
    copy.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// Appends the UTF-8 of a character to the present row.
  @inlinable
  public mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.isASCII { return append(UInt8(truncatingIfNeeded: scalar.value)) }
    UTF8.encode(scalar)?.forEach { append($0) }
  }

  /// Bytes in the present row so far.
  @inlinable public var byteCount: Int { used }

  /// Ends the present row with what was appended.
  @inlinable
  public mutating func end() {
    out.base.assumingMemoryBound(to: StringView.self)[row] =
      used <= StringView.inlineCapacity ? StringView(padded: scratch, used) : arena.store(scratch, used)
    row += 1
    used = 0
  }

  /// Ends the present row with a view that `owner` (given to `finish`) keeps alive.
  @inlinable
  public mutating func end(view: StringView) {
    out.base.assumingMemoryBound(to: StringView.self)[row] = view
    row += 1
    used = 0
  }

  /// Ends the present row as NULL.
  @inlinable
  public mutating func endNull() {
    nulls.setNull(row)
    out.base.assumingMemoryBound(to: StringView.self)[row] = StringView()
    row += 1
    used = 0
  }

  /// The finished vector of `count` rows (one stored row if constant).
  public func finish(_ type: DataType, count: Int, isConstant: Bool = false, owners: [AnyObject] = []) -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: out, validity: nulls.validity, isConstant: isConstant,
      owners: arena.owners + owners)
  }
}
