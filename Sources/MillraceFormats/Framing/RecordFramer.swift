import CKernels
import Glibc
public import MillraceColumnar

/// Cuts the bytes of one connection into records, whatever pieces they come in. Memory is bounded by the limit.
public struct RecordFramer: ~Copyable {
  /// What a call left out or cut.
  public struct Losses: Hashable, Sendable {
    /// Records that were too long.
    public var skipped: Int64 = 0
    /// Records of which only the beginning was kept.
    public var truncated: Int64 = 0
  }

  /// How records lie in the stream.
  public let framing: RecordFraming
  private let limit: Int
  private let policy: LongRecordPolicy
  /// The beginning of a record whose end has not come.
  private var pending: [UInt8] = []
  /// Bytes at the start of `pending` in which no end was found.
  private var searched = 0
  /// Bytes of a record that are left out still; -1: up to its end, wherever that is.
  private var skipping = 0
  /// Counted since the beginning.
  public private(set) var losses = Losses()

  /// A framer at the beginning of a stream; `limit` counts a record's bytes without its end or length.
  public init(_ framing: RecordFraming, limit: Int, policy: LongRecordPolicy) {
    self.framing = framing
    self.limit = limit
    self.policy = policy
  }

  /// Whether a record has begun whose end has not come.
  public var isInRecord: Bool { !pending.isEmpty || skipping != 0 }

  /// Bytes of a record that has begun that are kept here, and need room in front of what is received.
  public var heldByteCount: Int { pending.count }

  /// Takes the next bytes; whole records go to `out` as lines, escaped where the framing allows line ends in records.
  public mutating func add(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    if framing == .newline { return try addLines(bytes, to: out) }
    var rest = bytes
    if skipping != 0, try !skip(&rest) { return }
    if pending.isEmpty {
      let used = try records(in: rest, to: out)
      pending.append(contentsOf: rest[used...])
    } else {
      pending.append(contentsOf: rest)
      let whole = pending
      pending = []
      let used = try whole.withUnsafeBytes { try records(in: $0, to: out) }
      // While something is skipped, `pending` has what may be the beginning of its end.
      if skipping == 0 { pending = used == 0 ? whole : Array(whole[used...]) }
    }
  }

  /// Where the next `count` bytes of the stream can be received, behind what is in `out`, so that whole records need not be copied; nil
  /// where the framing or a record that is left out wants them looked at first. Nothing has changed until `received` is called.
  public mutating func room(_ count: Int, in out: ByteBuffer) -> UnsafeMutableRawBufferPointer? {
    guard framing == .newline, skipping == 0 else { return nil }
    return UnsafeMutableRawBufferPointer(start: out.reserve(pending.count + count) + pending.count, count: count)
  }

  /// The first `count` bytes of `room` are the next of the stream. Nothing was appended to `out` in between.
  public mutating func received(_ count: Int, in out: ByteBuffer) throws {
    let base = out.reserve(pending.count + count)
    let fresh = UnsafeRawBufferPointer(start: base + pending.count, count: count)
    let end = fresh.baseAddress.map { ck_behind_last($0, count, 0x0A) } ?? 0
    if end == 0 { return try holdLine(fresh, to: out) }
    let held = pending.count
    if held > 0 { pending.withUnsafeBytes { if let from = $0.baseAddress { memcpy(base, from, held) } } }
    guard Self.hasOnlyLines(UnsafeRawBufferPointer(start: base, count: held + end), limit: limit) else {
      // Rare enough to be copied: what is too long leaves a gap.
      let copy = MemoryBuffer(copying: fresh)
      return try addLines(UnsafeRawBufferPointer(start: copy.base, count: count), to: out)
    }
    out.advance(held + end)
    pending.removeAll(keepingCapacity: held < 1 << 16)
    pending.append(contentsOf: fresh[end...])
    if pending.count > limit { try holdLine(UnsafeRawBufferPointer(start: nil, count: 0), to: out) }
  }

  /// Whether none of these whole lines has more than `limit` bytes, found by looking at few of them.
  private static func hasOnlyLines(_ lines: UnsafeRawBufferPointer, limit: Int) -> Bool {
    guard let base = lines.baseAddress else { return true }
    var start = 0
    while lines.count - start > limit + 1 {
      let end = ck_behind_last(base + start, limit + 1, 0x0A)
      if end == 0 { return false }
      start += end
    }
    return true
  }

  /// The stream has ended; whether a record was cut off by that. Its beginning is a record where `emits` says so and its form allows it.
  public mutating func finish(emits: Bool, to out: ByteBuffer) -> Bool {
    let wasInRecord = isInRecord
    let canEmit: Bool
    switch framing {
    case .newline, .delimiter: canEmit = true
    case .octetCounted: canEmit = pending.first.map { !Self.isDigit($0) } ?? false
    case .length, .datagram: canEmit = false
    }
    defer {
      pending = []
      searched = 0
      skipping = 0
    }
    guard wasInRecord, emits, canEmit, skipping == 0 else { return wasInRecord }
    pending.withUnsafeBytes { emit($0, to: out) }
    return false
  }

  // MARK: Lines

  private mutating func addLines(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    var rest = bytes
    if skipping != 0 {
      guard let feed = memchr(base, 0x0A, rest.count) else { return }
      skipping = 0
      rest = UnsafeRawBufferPointer(rebasing: rest[(UnsafeRawPointer(feed) - base + 1)...])
    }
    guard let start = rest.baseAddress, rest.count > 0 else { return }
    let end = ck_behind_last(start, rest.count, 0x0A)
    if end == 0 { return try holdLine(rest, to: out) }
    if pending.count + end > limit {
      try addLongLines(UnsafeRawBufferPointer(rebasing: rest[..<end]), to: out)
    } else {
      pending.withUnsafeBytes { out.append($0) }
      out.append(UnsafeRawBufferPointer(rebasing: rest[..<end]))
      pending.removeAll(keepingCapacity: true)
    }
    try holdLine(UnsafeRawBufferPointer(rebasing: rest[end...]), to: out)
  }

  /// Some of these lines may be too long, so they are looked at one by one.
  private mutating func addLongLines(_ lines: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    var rest = lines
    while let base = rest.baseAddress, let feed = memchr(base, 0x0A, rest.count) {
      let length = UnsafeRawPointer(feed) - base
      if pending.count + length <= limit {
        pending.withUnsafeBytes { out.append($0) }
        out.append(UnsafeRawBufferPointer(rebasing: rest[...length]))
        pending.removeAll(keepingCapacity: pending.count < 1 << 16)
      } else {
        pending.append(contentsOf: rest[..<length])
        try tooLong(pending.count, to: out)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
    }
  }

  private mutating func holdLine(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    pending.append(contentsOf: bytes)
    guard pending.count > limit else { return }
    try tooLong(pending.count, to: out)
    skipping = -1
  }

  /// Does with the record in `pending`, which has more bytes than the limit, what the policy says.
  private mutating func tooLong(_ length: Int, to out: ByteBuffer) throws {
    switch policy {
    case .close: throw FramingFault("a record is longer than \(limit) bytes (maxRecordBytes)")
    case .skip: losses.skipped += 1
    case .truncate:
      losses.truncated += 1
      pending.withUnsafeBytes { emit(UnsafeRawBufferPointer(rebasing: $0.prefix(limit)), to: out) }
    }
    pending = []
    searched = 0
  }

  private func emit(_ record: UnsafeRawBufferPointer, to out: ByteBuffer) {
    if framing.mayHoldLineEnds { return RecordEscaping.append(record, to: out) }
    out.append(record)
    out.append(0x0A)
  }

  // MARK: Other framings

  /// Leaves out what is to be skipped; false when the bytes end in it.
  private mutating func skip(_ rest: inout UnsafeRawBufferPointer) throws -> Bool {
    if skipping > 0 {
      let count = min(skipping, rest.count)
      skipping -= count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      return skipping == 0
    }
    // The end may lie across two pieces: as much as may be its beginning is kept in `pending`.
    let mark = endMark
    pending.append(contentsOf: rest)
    guard let end = pending.withUnsafeBytes({ Self.find(mark, in: $0, from: 0) }) else {
      pending = Array(pending.suffix(mark.count - 1))
      return false
    }
    let behind = end + mark.count
    let fromRest = pending.count - rest.count
    pending = []
    skipping = 0
    rest = UnsafeRawBufferPointer(rebasing: rest[max(0, behind - fromRest)...])
    return true
  }

  private var endMark: [UInt8] {
    if case .delimiter(let mark) = framing { return mark }
    return [0x0A]
  }

  /// Where `mark` lies in the bytes, at `from` or later.
  private static func find(_ mark: [UInt8], in bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    var at = from
    while bytes.count - at >= mark.count {
      let room = bytes.count - at - mark.count + 1
      guard let first = memchr(base + at, Int32(mark[0]), room) else { return nil }
      at = UnsafeRawPointer(first) - base
      if memcmp(first, mark, mark.count) == 0 { return at }
      at += 1
    }
    return nil
  }

  /// Emits the whole records at the start of the bytes; gives the number of bytes used.
  private mutating func records(in bytes: UnsafeRawBufferPointer, to out: ByteBuffer) throws -> Int {
    var used = 0
    while used < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
      let count: Int?
      switch framing {
      case .delimiter(let mark): count = try delimited(rest, mark, to: out)
      case .length(let width, let isBigEndian):
        count = try counted(rest, Self.number(rest, width, isBigEndian), headerSize: width, to: out)
      case .octetCounted: count = try octets(rest, to: out)
      case .newline, .datagram: count = rest.count
      }
      guard let count else { break }
      used += count
      searched = 0
      if skipping != 0 { return bytes.count }
    }
    return used
  }

  private mutating func delimited(
    _ rest: UnsafeRawBufferPointer, _ mark: [UInt8], to out: ByteBuffer
  ) throws -> Int? {
    if let end = Self.find(mark, in: rest, from: min(searched, rest.count)) {
      let record = UnsafeRawBufferPointer(rebasing: rest[..<end])
      if end > limit { try cut(record, to: out) } else { emit(record, to: out) }
      return end + mark.count
    }
    searched = max(0, rest.count - mark.count + 1)
    guard rest.count > limit + mark.count else { return nil }
    try cut(rest, to: out)
    skipping = -1
    pending = Array(rest.suffix(mark.count - 1))
    return rest.count
  }

  private mutating func cut(_ record: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    pending = Array(record.prefix(limit))
    try tooLong(record.count, to: out)
  }

  private static func number(_ rest: UnsafeRawBufferPointer, _ width: Int, _ isBigEndian: Bool) -> Int? {
    guard rest.count >= width else { return nil }
    var number = 0
    for index in 0..<width { number = number << 8 | Int(rest[isBigEndian ? index : width - 1 - index]) }
    return number
  }

  /// A record of `length` bytes behind a header; nil when it is not whole.
  private mutating func counted(
    _ rest: UnsafeRawBufferPointer, _ length: Int?, headerSize: Int, to out: ByteBuffer
  ) throws -> Int? {
    guard let length else { return nil }
    let present = min(length, rest.count - headerSize)
    if length > limit {
      // Of a record that is cut, so much must be there as is kept.
      if policy == .truncate, present < limit { return nil }
      try cut(UnsafeRawBufferPointer(rebasing: rest[headerSize..<headerSize + present]), to: out)
      skipping = length - present
      return headerSize + present
    }
    guard present == length else { return nil }
    emit(UnsafeRawBufferPointer(rebasing: rest[headerSize..<headerSize + length]), to: out)
    return headerSize + length
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private mutating func octets(
    _ rest: UnsafeRawBufferPointer, to out: ByteBuffer
  ) throws -> Int? {
    guard Self.isDigit(rest[0]) else { return try octetLine(rest, to: out) }
    var number = 0
    for index in 0..<min(rest.count, 11) {
      let byte = rest[index]
      if byte == 0x20 { return try counted(rest, number, headerSize: index + 1, to: out) }
      guard Self.isDigit(byte), index < 10 else { throw FramingFault("a record has no length that can be read") }
      number = number * 10 + Int(byte - 0x30)
    }
    return nil
  }

  /// A record without a length, in the manner of older senders.
  private mutating func octetLine(
    _ rest: UnsafeRawBufferPointer, to out: ByteBuffer
  ) throws -> Int? {
    // Some senders put a line feed behind counted records, too; it is no record.
    if rest[0] == 0x0A { return 1 }
    return try delimited(rest, [0x0A], to: out)
  }
}
