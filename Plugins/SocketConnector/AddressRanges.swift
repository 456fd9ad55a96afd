import MillraceCore

/// Which IP addresses may send: addresses and ranges such as `10.0.0.0/8` or `fd00::/8`; none means all.
struct AddressRanges: Sendable, Hashable {
  private struct Range: Hashable {
    var bytes: [UInt8]
    var bits: Int
  }

  private let ranges: [Range]

  init(_ texts: [String]) throws {
    ranges = try texts.filter { !$0.isEmpty }.map { text in
      guard let range = Self.range(text) else {
        throw MillraceError(
          "OPTION_OUT_OF_RANGE", "option 'allow' has '\(text)'",
          hint: "it takes addresses and ranges such as 10.0.0.0/8 or fd00::/8")
      }
      return range
    }
  }

  private static func range(_ text: String) -> Range? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let bytes = NetworkAddress.ip(String(parts[0])) else { return nil }
    if parts.count == 1 { return Range(bytes: bytes, bits: bytes.count * 8) }
    guard let bits = Int(parts[1]), (0...bytes.count * 8).contains(bits) else { return nil }
    return Range(bytes: bytes, bits: bits)
  }

  /// Whether everything is allowed, so that nobody need look.
  var allowsAll: Bool { ranges.isEmpty }

  /// Whether an address may send. What comes over a Unix socket may.
  func allows(_ address: NetworkAddress) -> Bool {
    guard !ranges.isEmpty, let ip = address.ip else { return true }
    return ranges.contains { range in
      guard range.bytes.count == ip.count else { return false }
      let whole = range.bits / 8
      if range.bytes[..<whole] != ip[..<whole] { return false }
      let rest = range.bits % 8
      return rest == 0 || (range.bytes[whole] ^ ip[whole]) >> (8 - rest) == 0
    }
  }
}
