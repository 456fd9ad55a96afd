import CKernels
import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Cuts the bytes of a reader into windows of whole records. The rest of a record at a window's end is carried in front of
/// the next one, so that records lie in one piece and decoding can point into them.
final class WindowReader {
  /// Bytes asked for at a time.
  static let windowSize = 512 << 10
  /// Room in front of new bytes for what is carried over.
  static let frontRoom = 32 << 10
  /// Longest record.
  static let largestRecord = 16 << 20

  /// A run of whole records.
  struct Window {
    var owner: MemoryBuffer
    var bytes: UnsafeRawBufferPointer
    /// Offset of the first byte in the file or stream.
    var offset: Int64
  }

  /// A record that was left out because it is longer than `largestRecord`.
  struct TooLarge {
    /// Of its first byte in the file or stream.
    var offset: Int64
    /// Bytes without its end.
    var length: Int64
    /// Its first bytes.
    var head: [UInt8]
  }

  /// Bytes that are kept of a record that is too large.
  static let keptOfTooLarge = 16 << 10

  /// What is wrong with such a record.
  static let tooLargeFault = BadRecords.Fault(
    code: "RECORD_TOO_LARGE", message: "a record is longer than \(largestRecord) bytes")

  let reader: any ByteReader
  /// The same, if its bytes can be used where they are.
  private let resident: (any ResidentByteReader)?
  /// Records that were left out.
  private(set) var tooLarge: [TooLarge] = []
  /// Bytes of whole records handed out.
  private(set) var consumed: Int64 = 0
  /// Whether the reader came to its end and everything was handed out that can be.
  private(set) var reachedEnd = false
  private let limit: Int64?
  private let isFinal: Bool
  private let name: String
  /// Of the split's first byte.
  private let start: Int64
  /// Bytes read but not handed out: the tail of `carryOwner`.
  private var carry: UnsafeRawBufferPointer
  private var carryOwner: MemoryBuffer?
  private let pool: WindowPool
  /// Whether records that are too large are left out; else they are an error.
  private let leavesOutTooLarge: Bool
  private var sawEnd = false
  private var isDone = false

  /// Reads on from `leftover`, what the last split of the same reader did not consume.
  init(
    _ reader: any ByteReader, split: SourceSplit, leftover: [UInt8], pool: WindowPool, leavesOutTooLarge: Bool = false
  ) {
    self.reader = reader
    resident = reader as? any ResidentByteReader
    self.leavesOutTooLarge = leavesOutTooLarge
    self.pool = pool
    name = split.name
    start = split.offset
    limit = split.byteLimit
    isFinal = split.isFinal
    carry = UnsafeRawBufferPointer(start: nil, count: 0)
    if !leftover.isEmpty {
      let buffer = MemoryBuffer(capacity: leftover.count)
      leftover.withUnsafeBytes { if let base = $0.baseAddress { memcpy(buffer.base, base, $0.count) } }
      carryOwner = buffer
      carry = UnsafeRawBufferPointer(start: buffer.base, count: leftover.count)
    }
  }

  /// Bytes that were read and not consumed, for the split that continues this one.
  var leftover: [UInt8] { Array(carry) }

  /// The next window, nil at the split's end.
  func next() throws -> Window? {
    while !isDone {
      if isFirstTooLarge {
        try leaveOut()
        continue
      }
      let budget = limit.map { max(0, Int(clamping: $0 - consumed)) } ?? Int.max
      if carry.count >= budget {
        if let last = takeLast(within: budget) { return last }
        if isDone { return nil }
      } else if let window = takeRecords() {
        return window
      }
      if sawEnd {
        isDone = true
        reachedEnd = true
        return isFinal && carry.count > 0 ? hand(out: carry.count) : nil
      }
      try fill()
    }
    return nil
  }

  /// Whether the record in front is too large, be its end there already or not.
  private var isFirstTooLarge: Bool {
    guard carry.count > Self.largestRecord, let base = carry.baseAddress else { return false }
    return memchr(base, 0x0A, Self.largestRecord + 1) == nil
  }

  /// Leaves out the record in front, without keeping more of it than its start.
  private func leaveOut() throws {
    guard leavesOutTooLarge else {
      throw MillraceError(
        "RECORD_TOO_LARGE", "a record of '\(name)' is longer than \(WindowReader.largestRecord) bytes",
        hint: "is this a text file with line ends? onBadRecord: \"skip\" leaves such records out",
        location: "\(name)@\(start + consumed)")
    }
    let before = consumed
    var record = TooLarge(
      offset: start + consumed, length: 0, head: Array(carry.prefix(WindowReader.keptOfTooLarge)))
    while true {
      let end = carry.baseAddress.flatMap { base in memchr(base, 0x0A, carry.count).map { UnsafeRawPointer($0) - base }
      }
      let count = end.map { $0 + 1 } ?? carry.count
      record.length += Int64(end ?? count)
      consumed += Int64(count)
      carry = UnsafeRawBufferPointer(rebasing: carry[count...])
      if end != nil { break }
      try fill()
      if sawEnd {
        if isFinal { break }
        // The rest is still to come.
        consumed = before
        return
      }
    }
    tooLarge.append(record)
  }

  /// The last records of a split that the limit ends. A first record longer than the limit is taken whole, so that
  /// every split makes progress.
  private func takeLast(within budget: Int) -> Window? {
    if let window = takeRecords(upTo: budget) {
      isDone = true
      return window
    }
    if consumed > 0 {
      isDone = true
      return nil
    }
    guard let base = carry.baseAddress, let newline = memchr(base, 0x0A, carry.count) else { return nil }
    isDone = true
    return hand(out: newline - UnsafeMutableRawPointer(mutating: base) + 1)
  }

  /// Reads more bytes behind the carried ones.
  private func fill() throws {
    if carry.count == 0, let resident {
      guard let block = try resident.nextBlock() else {
        sawEnd = true
        return
      }
      carryOwner = block.owner
      carry = block.bytes
      return
    }
    let front = max(WindowReader.frontRoom, carry.count)
    let size = max(WindowReader.windowSize, min(carry.count, 4 << 20))
    let buffer = pool.take(front + size)
    let data = buffer.base + front
    let got = try reader.read(into: UnsafeMutableRawBufferPointer(start: data, count: size))
    if got == 0 {
      sawEnd = true
      pool.give(buffer)
      return
    }
    let start = data - carry.count
    if let old = carry.baseAddress, carry.count > 0 { memcpy(start, old, carry.count) }
    let total = carry.count + got
    memset(start + total, 0, 64)
    if resident == nil, let old = carryOwner { pool.give(old) }
    carryOwner = buffer
    carry = UnsafeRawBufferPointer(start: start, count: total)
  }

  /// Carried records, no more of them than are computed well at a time if it can be helped; nil if none is whole.
  private func takeRecords() -> Window? {
    if carry.count > 2 * Self.windowSize, let window = takeRecords(upTo: Self.windowSize) { return window }
    return takeRecords(upTo: carry.count)
  }

  /// The carried records that end within the first `count` bytes; nil if none does.
  private func takeRecords(upTo count: Int) -> Window? {
    guard let base = carry.baseAddress else { return nil }
    let end = ck_behind_last(base, min(count, carry.count), 0x0A)
    return end == 0 ? nil : hand(out: end)
  }

  private func hand(out count: Int) -> Window? {
    guard let owner = carryOwner, let base = carry.baseAddress else { return nil }
    let window = Window(
      owner: owner, bytes: UnsafeRawBufferPointer(start: base, count: count), offset: start + consumed)
    carry = UnsafeRawBufferPointer(start: base + count, count: carry.count - count)
    consumed += Int64(count)
    return window
  }

  /// The caller is done with a window's bytes unless a batch still points into them.
  func release(_ window: consuming Window) {
    if resident != nil || carryOwner === window.owner { return }
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
