import Glibc

/// A hash function that works on blocks of bytes with padding and a length at the end.
protocol Digest: SendableMetatype {
  static var blockSize: Int { get }
  /// Bytes of the length field.
  static var lengthSize: Int { get }
  static var isBigEndian: Bool { get }
  init()
  mutating func process(_ block: UnsafeRawPointer)
  /// The digest after the last block.
  var bytes: [UInt8] { get }
}

extension Digest {
  /// The digest of a message.
  static func digest(_ message: UnsafeRawBufferPointer) -> [UInt8] {
    var state = Self()
    let whole = message.count / blockSize * blockSize
    if let base = message.baseAddress {
      for offset in stride(from: 0, to: whole, by: blockSize) { state.process(base + offset) }
    }
    let rest = message.count - whole
    let tail = rest + 1 + lengthSize > blockSize ? blockSize * 2 : blockSize
    withUnsafeTemporaryAllocation(byteCount: tail, alignment: 8) { buffer in
      guard let target = buffer.baseAddress else { return }
      memset(target, 0, tail)
      if rest > 0, let base = message.baseAddress { memcpy(target, base + whole, rest) }
      target.storeBytes(of: 0x80, toByteOffset: rest, as: UInt8.self)
      let bits = UInt64(message.count) << 3
      target.storeBytes(
        of: isBigEndian ? bits.bigEndian : bits.littleEndian, toByteOffset: isBigEndian ? tail - 8 : tail - lengthSize,
        as: UInt64.self)
      for offset in stride(from: 0, to: tail, by: blockSize) { state.process(target + offset) }
    }
    return state.bytes
  }

  /// The keyed digest of RFC 2104.
  static func authenticationCode(_ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> [UInt8] {
    var padded = key.count > blockSize ? digest(key) : Array(key)
    padded += [UInt8](repeating: 0, count: blockSize - padded.count)
    let inner = (padded.map { $0 ^ 0x36 } + Array(message)).withUnsafeBytes { digest($0) }
    return (padded.map { $0 ^ 0x5C } + inner).withUnsafeBytes { digest($0) }
  }
}

/// MD5.
struct MD5: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = false
  private var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476)

  /// floor(2³² · |sin(i + 1)|), as RFC 1321 defines the table.
  private static let sines: [UInt32] = (0..<64).map {
    UInt32(truncatingIfNeeded: Int64(abs(sin(Double($0 + 1))) * 0x1p32))
  }
  private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]

  mutating func process(_ block: UnsafeRawPointer) {
    var (a, b, c, d) = state
    for step in 0..<64 {
      let mixed: UInt32
      let word: Int
      switch step >> 4 {
      case 0: (mixed, word) = (b & c | ~b & d, step)
      case 1: (mixed, word) = (d & b | ~d & c, (5 &* step &+ 1) & 15)
      case 2: (mixed, word) = (b ^ c ^ d, (3 &* step &+ 5) & 15)
      default: (mixed, word) = (c ^ (b | ~d), (7 &* step) & 15)
      }
      let sum =
        a &+ mixed &+ MD5.sines[step]
        &+ UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self))
      let shift = MD5.shifts[(step >> 4) * 4 + (step & 3)]
      (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
    }
    state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
  }

  var bytes: [UInt8] {
    [state.0, state.1, state.2, state.3].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
  }
}

/// SHA-1.
struct SHA1: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = true
  private var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
  private var words = [UInt32](repeating: 0, count: 80)

  mutating func process(_ block: UnsafeRawPointer) {
    for index in 0..<16 {
      words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    }
    for index in 16..<80 {
      let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
      words[index] = mixed << 1 | mixed >> 31
    }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for index in 0..<80 {
      let choice: UInt32
      switch index {
      case 0..<20: choice = (b & c | ~b & d) &+ 0x5A82_7999
      case 20..<40: choice = (b ^ c ^ d) &+ 0x6ED9_EBA1
      case 40..<60: choice = (b & c | b & d | c & d) &+ 0x8F1B_BCDC
      default: choice = (b ^ c ^ d) &+ 0xCA62_C1D6
      }
      let next = (a << 5 | a >> 27) &+ choice &+ e &+ words[index]
      (e, d, c, b, a) = (d, c, b << 30 | b >> 2, a, next)
    }
    for (index, value) in [a, b, c, d, e].enumerated() { state[index] &+= value }
  }

  var bytes: [UInt8] { state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - $0 * 8)) } } }
}
