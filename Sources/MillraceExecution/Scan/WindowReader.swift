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

  /// A run of whole records, in UTF-8.
  struct Window {
    var owner: MemoryBuffer
    var bytes: UnsafeRawBufferPointer
    /// Offset of the first byte in the file or stream.
    var offset: Int64
    /// Bytes of the file in front of the first one that are no part of a record.
    var markLength = 0
    /// How the records are written in the file.
    var encoding = CharacterEncoding.utf8

    /// Where the records are from, in a file or stream of this name.
    func origin(_ name: String, grouping: LineGrouping?) -> RecordOrigin {
      var origin = RecordOrigin(name: name, offset: offset)
      origin.grouping = grouping
      origin.markLength = markLength
      origin.encoding = encoding
      return origin
    }
  }

  /// A record that is longer than may be, and was left out or cut.
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

  /// What is wrong with a record that is longer than `limit`.
  static func tooLargeFault(_ limit: Int) -> BadRecords.Fault {
    BadRecords.Fault(code: "RECORD_TOO_LARGE", message: "a record is longer than \(limit) bytes")
  }

  let reader: any ByteReader
  /// The same, if its bytes can be used where they are.
  private let resident: (any ResidentByteReader)?
  /// The same, if it begins with blocks that were read ahead.
  private let ahead: AheadReader?
  /// Records that were left out or cut.
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
  private let rules: RecordRules
  /// Finds the ends of records that are not simply lines.
  private let splitter: RecordSplitter?
  /// Longest record.
  private let longest: Int
  /// What becomes of longer ones.
  private let onLongRecord: LongLinePolicy
  /// What is in front up to the next line feed is the rest of a record that was cut.
  private var isInCutRecord = false
  private var sawEnd = false
  private var isDone = false

  /// Reads on from `leftover`, what the last split of the same reader did not consume.
  init(
    _ reader: any ByteReader, split: SourceSplit, leftover: [UInt8], pool: WindowPool, leavesOutTooLarge: Bool = false,
    rules: RecordRules = RecordRules()
  ) {
    self.reader = reader
    resident = reader as? any ResidentByteReader
    ahead = reader as? AheadReader
    self.rules = rules
    splitter = rules.grouping == nil ? nil : RecordSplitter(rules)
    longest = rules.maxRecordBytes
    onLongRecord = rules.onLongRecord ?? (leavesOutTooLarge ? .skip : .fail)
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
      if isInCutRecord {
        try passRest()
        continue
      }
      if isFirstTooLarge {
        if let beginning = try leaveOut() { return beginning }
        continue
      }
      let budget = limit.map { max(0, Int(clamping: $0 - consumed)) } ?? Int.max
      if carry.count >= budget {
        if let last = try takeLast(within: budget) { return last }
        if isDone { return nil }
      } else if let window = try takeRecords() {
        return window
      }
      if sawEnd {
        let rest = isFinal ? lengthBeforeTooLarge(carry.count) : 0
        isDone = !isFinal || rest == carry.count
        reachedEnd = isDone
        return rest > 0 ? hand(out: rest) : nil
      }
      try fill()
    }
    return nil
  }

  /// Whether the line in front is too large, be its end there already or not.
  private var isFirstTooLarge: Bool {
    guard carry.count > longest else { return false }
    let seen = UnsafeRawBufferPointer(rebasing: carry.prefix(longest + rules.encoding.unit))
    // One without an end in sight may have the longest length that there may be.
    guard rules.encoding.behindFirstLineFeed(seen) == nil else { return false }
    return seen.count == longest + rules.encoding.unit || sawEnd
  }

  /// So many of the first `count` bytes, which end with a line, as come before a line that is too large.
  private func lengthBeforeTooLarge(_ count: Int) -> Int {
    var start = 0
    let most = longest + rules.encoding.unit
    while count - start > most {
      let seen = UnsafeRawBufferPointer(rebasing: carry[start..<start + most])
      let length = rules.encoding.behindLastLineFeed(seen)
      if length == 0 { return start }
      start += length
    }
    // The last one has no end where the file has none.
    let length = rules.encoding.behindLastLineFeed(UnsafeRawBufferPointer(rebasing: carry[start..<count]))
    return count - start - length > longest ? start + length : count
  }

  /// Does with the line in front, which is too large, what is to be done; the beginning of one that is cut is given.
  private func leaveOut() throws -> Window? {
    switch onLongRecord {
    case .fail:
      throw MillraceError(
        "RECORD_TOO_LARGE", "a record of '\(name)' is longer than \(longest) bytes",
        hint: "is this a text file with line ends? onBadRecord: \"skip\" leaves such records out",
        location: "\(name)@\(start + consumed)")
    case .skip, .deadLetter:
      try passTooLarge()
      return nil
    case .truncate:
      tooLarge.append(TooLarge(offset: start + consumed, length: Int64(longest), head: []))
      isInCutRecord = true
      return hand(out: rules.encoding.prefixLength(carry, longest))
    }
  }

  /// Leaves out the rest of a line whose beginning was given.
  private func passRest() throws {
    while true {
      let end = rules.encoding.behindFirstLineFeed(carry)
      let count = end ?? carry.count / rules.encoding.unit * rules.encoding.unit
      consumed += Int64(count)
      carry = UnsafeRawBufferPointer(rebasing: carry[count...])
      if end != nil || sawEnd { break }
      try fill()
    }
    isInCutRecord = false
  }

  /// Leaves out the line in front, without keeping more of it than its start.
  private func passTooLarge() throws {
    let before = consumed
    let unit = rules.encoding.unit
    var record = TooLarge(offset: start + consumed, length: 0, head: head(carry.prefix(WindowReader.keptOfTooLarge)))
    while true {
      let end = rules.encoding.behindFirstLineFeed(carry)
      let count = end ?? carry.count / unit * unit
      record.length += Int64(end == nil ? count : count - unit)
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

  /// The first bytes of a record in UTF-8.
  private func head(_ bytes: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    if rules.encoding == .utf8 { return Array(bytes) }
    return Array(unsafeUninitializedCapacity: rules.encoding.decodedCapacity(bytes.count)) { target, count in
      count = target.baseAddress.map { rules.encoding.decode(UnsafeRawBufferPointer(rebasing: bytes), into: $0) } ?? 0
    }
  }

  /// The last records of a split that the limit ends. A first record longer than the limit is taken whole, so that
  /// every split makes progress.
  private func takeLast(within budget: Int) throws -> Window? {
    if let window = try takeRecords(upTo: budget) {
      isDone = true
      return window
    }
    if consumed > 0 {
      isDone = true
      return nil
    }
    let end: Int?
    if let splitter { end = try splitter.firstEnd(in: carry) } else { end = rules.encoding.behindFirstLineFeed(carry) }
    guard let end else { return nil }
    isDone = true
    return hand(out: end)
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
    let (buffer, got) = try nextBlock(front, size)
    let data = buffer.base + front
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

  /// The next bytes, at most `size`, behind `front` that are free.
  private func nextBlock(_ front: Int, _ size: Int) throws -> (buffer: MemoryBuffer, count: Int) {
    if front == Self.frontRoom, let block = ahead?.takeBlock() { return block }
    let buffer = pool.take(front + size)
    let count = try reader.read(into: UnsafeMutableRawBufferPointer(start: buffer.base + front, count: size))
    return (buffer, count)
  }

  /// Carried records, no more of them than are computed well at a time if it can be helped; nil if none is whole.
  private func takeRecords() throws -> Window? {
    if carry.count > 2 * Self.windowSize, let window = try takeRecords(upTo: Self.windowSize) { return window }
    return try takeRecords(upTo: carry.count)
  }

  /// The carried records that end within the first `count` bytes; nil if none does.
  private func takeRecords(upTo count: Int) throws -> Window? {
    var end = rules.encoding.behindLastLineFeed(UnsafeRawBufferPointer(rebasing: carry.prefix(count)))
    if end == 0 { return nil }
    if let splitter {
      let lines = UnsafeRawBufferPointer(rebasing: carry[..<end])
      var last = try splitter.lastEnd(in: lines)
      // What goes on for so long is several records.
      if last == nil, end > longest { last = try splitter.lastCut(in: lines) }
      guard let last else { return nil }
      end = last
    }
    if end > longest { end = lengthBeforeTooLarge(end) }
    return hand(out: end)
  }

  private func hand(out count: Int) -> Window? {
    guard let owner = carryOwner, let base = carry.baseAddress else { return nil }
    let offset = start + consumed
    let mark = rules.leavesOutMarks && offset == 0 ? rules.encoding.markLength(carry) : 0
    let bytes = UnsafeRawBufferPointer(start: base + mark, count: max(0, count - mark))
    var window = Window(owner: owner, bytes: bytes, offset: offset, markLength: mark)
    if rules.encoding != .utf8 { decode(&window) }
    carry = UnsafeRawBufferPointer(start: base + count, count: carry.count - count)
    consumed += Int64(count)
    return window
  }

  /// Writes the records of a window as UTF-8.
  private func decode(_ window: inout Window) {
    let buffer = pool.take(rules.encoding.decodedCapacity(window.bytes.count) + 64)
    let count = rules.encoding.decode(window.bytes, into: buffer.base.assumingMemoryBound(to: UInt8.self))
    memset(buffer.base + count, 0, 64)
    window.owner = buffer
    window.bytes = UnsafeRawBufferPointer(start: buffer.base, count: count)
    window.encoding = rules.encoding
  }

  /// The caller is done with a window's bytes unless a batch still points into them.
  func release(_ window: consuming Window) {
    if carryOwner === window.owner || (resident != nil && window.encoding == .utf8) { return }
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
