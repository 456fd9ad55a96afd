import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// Cuts the bytes of a reader into windows of whole records. The rest of a record at a window's end is carried in front of
/// the next one, so that records lie in one piece and decoding can point into them.
final class WindowReader {
  /// Bytes asked for at a time.
  static let windowSize = 256 << 10
  /// Room in front of new bytes for what is carried over.
  static let frontRoom = 32 << 10
  /// Longest record.
  static let largestRecord = 16 << 20

  /// A run of whole records.
  struct Window {
    var owner: MemoryBuffer
    var bytes: UnsafeRawBufferPointer
    /// Offset of the first byte from the split's start.
    var offset: Int64
  }

  let reader: any ByteReader
  /// Bytes of whole records handed out.
  private(set) var consumed: Int64 = 0
  /// Whether the reader came to its end and everything was handed out that can be.
  private(set) var reachedEnd = false
  private let limit: Int64?
  private let isFinal: Bool
  private let name: String
  /// Bytes read but not handed out: the tail of `carryOwner`.
  private var carry: UnsafeRawBufferPointer
  private var carryOwner: MemoryBuffer?
  private let pool: WindowPool
  private var sawEnd = false

  /// Reads on from `leftover`, what the last split of the same reader did not consume.
  init(_ reader: any ByteReader, split: SourceSplit, leftover: [UInt8], pool: WindowPool) {
    self.reader = reader
    self.pool = pool
    name = split.name
    limit = split.byteLimit
    isFinal = split.isFinal
    carry = UnsafeRawBufferPointer(start: nil, count: 0)
    if !leftover.isEmpty {
      let buffer = MemoryBuffer(capacity: leftover.count)
      leftover.withUnsafeBytes { memcpy(buffer.base, $0.baseAddress, $0.count) }
      carryOwner = buffer
      carry = UnsafeRawBufferPointer(start: buffer.base, count: leftover.count)
    }
  }

  /// Bytes that were read and not consumed, for the split that continues this one.
  var leftover: [UInt8] { Array(carry) }

  /// The next window, nil at the split's end.
  func next() throws -> Window? {
    while true {
      if let limit, consumed > 0, consumed + Int64(carry.count) >= limit {
        return takeWithin(Int(limit - consumed))
      }
      if sawEnd { return takeRest() }
      if let window = try fill() { return window }
    }
  }

  /// Reads more bytes behind the carried ones; a window if they end a record and stay within the limit.
  private func fill() throws -> Window? {
    if carry.count > WindowReader.largestRecord {
      throw MillraceError(
        "RECORD_TOO_LARGE", "a record of '\(name)' is longer than \(WindowReader.largestRecord) bytes",
        hint: "is this a text file with line ends?", location: "\(name)@\(consumed)")
    }
    let front = max(WindowReader.frontRoom, carry.count)
    let size = max(WindowReader.windowSize, min(carry.count, 4 << 20))
    let buffer = pool.take(front + size)
    let data = buffer.base + front
    let got = try reader.read(into: UnsafeMutableRawBufferPointer(start: data, count: size))
    if got == 0 {
      sawEnd = true
      pool.give(buffer)
      return nil
    }
    let start = data - carry.count
    if let old = carry.baseAddress, carry.count > 0 { memcpy(start, old, carry.count) }
    let total = carry.count + got
    memset(start + total, 0, 64)
    recycleCarry()
    carryOwner = buffer
    carry = UnsafeRawBufferPointer(start: start, count: total)
    if let limit, consumed + Int64(total) > limit {
      return takeWithin(max(Int(limit - consumed), 0), orFirstRecord: consumed == 0)
    }
    return takeRecords(upTo: total)
  }

  private func recycleCarry() {
    guard let old = carryOwner else { return }
    carryOwner = nil
    pool.give(old)
  }

  /// The carried records that end within `count` bytes; ends the split.
  private func takeWithin(_ count: Int, orFirstRecord: Bool = false) -> Window? {
    if let window = takeRecords(upTo: min(count, carry.count)) { return window }
    guard orFirstRecord, let base = carry.baseAddress, let newline = memchr(base, 0x0A, carry.count) else {
      if !orFirstRecord { sawEnd = true; isCut = true }
      return nil
    }
    return hand(out: UnsafeRawPointer(newline) - base + 1)
  }
  private var isCut = false

  /// The carried records that end within the first `count` bytes; nil if none does.
  private func takeRecords(upTo count: Int) -> Window? {
    guard let base = carry.baseAddress, count > 0, let newline = memrchr(base, 0x0A, count) else { return nil }
    return hand(out: UnsafeRawPointer(newline) - base + 1)
  }

  /// What is left at the reader's end: a last record without a newline counts if the split is final.
  private func takeRest() -> Window? {
    if isCut { return nil }
    if let window = takeRecords(upTo: carry.count) { return window }
    if isFinal && carry.count > 0 {
      return hand(out: carry.count)
    }
    reachedEnd = true
    return nil
  }

  private func hand(out count: Int) -> Window? {
    guard let owner = carryOwner, let base = carry.baseAddress else { return nil }
    let window = Window(owner: owner, bytes: UnsafeRawBufferPointer(start: base, count: count), offset: consumed)
    carry = UnsafeRawBufferPointer(start: base + count, count: carry.count - count)
    consumed += Int64(count)
    return window
  }

  /// The caller is done with a window's bytes unless a batch still points into them.
  func release(_ window: consuming Window) {
    if carryOwner === window.owner { return }
    pool.give(window.owner)
  }
}

/// Windows that can be filled again once nothing points into them. Used by one thread at a time.
final class WindowPool {
  private var free: [MemoryBuffer] = []

  /// A buffer of at least `capacity` bytes.
  func take(_ capacity: Int) -> MemoryBuffer {
    for index in free.indices.reversed() where free[index].capacity >= capacity {
      if isKnownUniquelyReferenced(&free[index]) { return free.remove(at: index) }
    }
    return MemoryBuffer(capacity: capacity)
  }

  /// Offers a buffer for reuse, as soon as nobody else refers to it.
  func give(_ buffer: MemoryBuffer) {
    if buffer.capacity > 2 << 20 { return }
    if free.count >= 6 { free.removeFirst() }
    free.append(buffer)
  }
}
