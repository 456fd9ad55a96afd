import Glibc

/// A hash function that works on blocks of bytes with padding and a length at the end.
protocol Digest: SendableMetatype {
  static var blockSize: Int { get }
  /// Bytes of the length field.
  static var lengthSize: Int { get }
  static var isBigEndian: Bool { get }
  /// Bytes of a digest.
  static var byteCount: Int { get }
  init()
  mutating func process(_ block: UnsafeRawPointer)
  /// Writes the digest after the last block, `byteCount` bytes, to an address that is a multiple of eight.
  func write(to target: UnsafeMutableRawPointer)
}

extension Digest {
  /// Writes the digest of a message, `byteCount` bytes, to an address that is a multiple of eight.
  static func digest(_ message: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    var state = Self()
    let whole = message.count / blockSize * blockSize
    if let base = message.baseAddress {
      for offset in stride(from: 0, to: whole, by: blockSize) { state.process(base + offset) }
    }
    let rest = message.count - whole
    let tail = rest + 1 + lengthSize > blockSize ? blockSize * 2 : blockSize
    withUnsafeTemporaryAllocation(byteCount: blockSize * 2, alignment: 8) { buffer in
      guard let end = buffer.baseAddress else { return }
      memset(end, 0, tail)
      if rest > 0, let base = message.baseAddress { memcpy(end, base + whole, rest) }
      end.storeBytes(of: 0x80, toByteOffset: rest, as: UInt8.self)
      let bits = UInt64(message.count) << 3
      end.storeBytes(
        of: isBigEndian ? bits.bigEndian : bits.littleEndian, toByteOffset: isBigEndian ? tail - 8 : tail - lengthSize,
        as: UInt64.self)
      for offset in stride(from: 0, to: tail, by: blockSize) { state.process(end + offset) }
    }
    state.write(to: target)
  }

  /// The digest of a message.
  static func digest(_ message: UnsafeRawBufferPointer) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      count = byteCount
      if let base = buffer.baseAddress { digest(message, to: base) }
    }
  }
}

/// A table that hash functions read without checks: fixed for good.
struct DigestTable<Word: BitwiseCopyable>: @unchecked Sendable {
  private let words: UnsafeMutablePointer<Word>

  init(_ values: [Word]) {
    words = .allocate(capacity: values.count)
    for (index, value) in values.enumerated() { words[index] = value }
  }

  @inline(__always)
  subscript(index: Int) -> Word { words[index] }
}

/// MD5.
struct MD5: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = false
  static let byteCount = 16
  private var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476)

  /// floor(2³² · |sin(i + 1)|), as RFC 1321 defines the table.
  private static let sines = DigestTable(
    (0..<64).map { UInt32(truncatingIfNeeded: Int64(abs(sin(Double($0 + 1))) * 0x1p32)) })

  mutating func process(_ block: UnsafeRawPointer) {
    var (a, b, c, d) = state
    let sines = Self.sines
    @inline(__always)
    func turn(_ step: Int, _ mixed: UInt32, _ word: Int, _ shift: UInt32) {
      let sum =
        a &+ mixed &+ sines[step]
        &+ UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word &* 4, as: UInt32.self))
      (a, d, c, b) = (d, c, b, b &+ (sum &<< shift | sum &>> (32 &- shift)))
    }
    // Four steps of the loop, each with a rotation of its own.
    @inline(__always)
    func turns(
      _ round: Int, _ factor: Int, _ first: Int, _ shifts: (UInt32, UInt32, UInt32, UInt32), _ mixed: () -> UInt32
    ) {
      var step = round &* 16
      while step < round &* 16 &+ 16 {
        turn(step, mixed(), (factor &* step &+ first) & 15, shifts.0)
        turn(step &+ 1, mixed(), (factor &* (step &+ 1) &+ first) & 15, shifts.1)
        turn(step &+ 2, mixed(), (factor &* (step &+ 2) &+ first) & 15, shifts.2)
        turn(step &+ 3, mixed(), (factor &* (step &+ 3) &+ first) & 15, shifts.3)
        step &+= 4
      }
    }
    turns(0, 1, 0, (7, 12, 17, 22)) { b & c | ~b & d }
    turns(1, 5, 1, (5, 9, 14, 20)) { d & b | ~d & c }
    turns(2, 3, 5, (4, 11, 16, 23)) { b ^ c ^ d }
    turns(3, 7, 0, (6, 10, 15, 21)) { c ^ (b | ~d) }
    state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
  }

  func write(to target: UnsafeMutableRawPointer) {
    let words = target.assumingMemoryBound(to: UInt32.self)
    words[0] = state.0.littleEndian
    words[1] = state.1.littleEndian
    words[2] = state.2.littleEndian
    words[3] = state.3.littleEndian
  }
}

/// SHA-1.
struct SHA1: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = true
  static let byteCount = 20
  private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
  )

  mutating func process(_ block: UnsafeRawPointer) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { buffer in
      guard let words = buffer.baseAddress else { return }
      for index in 0..<16 {
        words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
      }
      for index in 16..<80 {
        let mixed = words[index &- 3] ^ words[index &- 8] ^ words[index &- 14] ^ words[index &- 16]
        words[index] = mixed << 1 | mixed >> 31
      }
      var (a, b, c, d, e) = state
      @inline(__always)
      func turns(_ range: Range<Int>, _ constant: UInt32, _ choice: () -> UInt32) {
        for index in range {
          let next = (a << 5 | a >> 27) &+ choice() &+ constant &+ e &+ words[index]
          (e, d, c, b, a) = (d, c, b << 30 | b >> 2, a, next)
        }
      }
      turns(0..<20, 0x5A82_7999) { b & c | ~b & d }
      turns(20..<40, 0x6ED9_EBA1) { b ^ c ^ d }
      turns(40..<60, 0x8F1B_BCDC) { b & c | b & d | c & d }
      turns(60..<80, 0xCA62_C1D6) { b ^ c ^ d }
      state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }
  }

  func write(to target: UnsafeMutableRawPointer) {
    let words = target.assumingMemoryBound(to: UInt32.self)
    words[0] = state.0.bigEndian
    words[1] = state.1.bigEndian
    words[2] = state.2.bigEndian
    words[3] = state.3.bigEndian
    words[4] = state.4.bigEndian
  }
}
