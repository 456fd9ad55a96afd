import MillraceColumnar

/// `parse_url`: parts of a URL by RFC 2396, as Java's URI has them.
enum URLFunctions {
  static let all: [ScalarFunction] = [
    function(
      "parse_url",
      "A part of a URL (HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY, USERINFO) or one value of its query.",
      isTry: false),
    function("try_parse_url", "The same as parse_url, NULL for what is no URL.", isTry: true),
  ]

  private static func function(_ name: String, _ summary: String, isTry: Bool) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)('http://spark.apache.org/path?query=1', 'HOST')") {
      (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce(name, arguments, [.strict(.string)], counts: 2...3, context)
      return Bind.call(name, bound, .string, canFail: !isTry, isNullable: true) { vectors, count in
        let fixedPart = vectors[1].isConstant && !vectors[1].isNull(0) ? Part(vectors[1].bytes(0)) : nil
        return try RowLoop.parts(vectors, count) { row in
          let bytes = vectors[0].bytes(row)
          guard let url = ParsedURL(bytes) else {
            if isTry { return nil }
            throw MillraceError(
              "INVALID_URL", "'\(String(decoding: bytes.prefix(200), as: UTF8.self))' is no URL",
              hint: "try_parse_url gives NULL for such texts")
          }
          guard let part = fixedPart ?? Part(vectors[1].bytes(row)) else { return nil }
          guard vectors.count == 3 else { return url.range(of: part).map { StringView(bytes, $0) } }
          guard part == .query, let query = url.query else { return nil }
          return value(of: vectors[2].bytes(row), bytes, query).map { StringView(bytes, $0) }
        }
      }
    }
  }

  /// The parts by Spark's names.
  fileprivate enum Part: String {
    case host = "HOST"
    case path = "PATH"
    case query = "QUERY"
    case fragment = "REF"
    case scheme = "PROTOCOL"
    case file = "FILE"
    case authority = "AUTHORITY"
    case userInfo = "USERINFO"

    init?(_ name: UnsafeRawBufferPointer) { self.init(rawValue: String(decoding: name, as: UTF8.self)) }
  }

  /// The value of `key=` in a query.
  private static func value(
    of key: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer, _ query: Range<Int>
  ) -> Range<Int>? {
    var start = query.lowerBound
    while start <= query.upperBound {
      let end = bytes[start..<query.upperBound].firstIndex(of: UInt8(ascii: "&")) ?? query.upperBound
      let equals = start + key.count
      if equals < end, bytes[equals] == UInt8(ascii: "="), bytes.matches(key, at: start) { return (equals + 1)..<end }
      start = end + 1
    }
    return nil
  }
}

/// Where the parts of a URL lie in its bytes.
struct ParsedURL {
  private var scheme: Range<Int>?
  private var authority: Range<Int>?
  private var userInfo: Range<Int>?
  private var host: Range<Int>?
  private var path = 0..<0
  private(set) var query: Range<Int>?
  private var fragment: Range<Int>?

  /// Nil if the text is no URI.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard Self.isPermitted(bytes) else { return nil }
    var end = bytes.count
    if let hash = bytes.firstIndex(of: UInt8(ascii: "#")) {
      fragment = (hash + 1)..<end
      if bytes[(hash + 1)..<end].contains(UInt8(ascii: "#")) { return nil }
      end = hash
    }
    var start = 0
    let stop = bytes[0..<end].firstIndex {
      $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?")
    }
    if let stop, bytes[stop] == UInt8(ascii: ":") {
      guard Self.isScheme(bytes, 0..<stop), stop + 1 < end else { return nil }
      scheme = 0..<stop
      start = stop + 1
      // `mailto:x` has neither authority nor query, and its path is not told apart.
      if bytes[start] != UInt8(ascii: "/") { return }
    }
    if let mark = bytes[start..<end].firstIndex(of: UInt8(ascii: "?")) {
      query = (mark + 1)..<end
      end = mark
    }
    path = start..<end
    if start + 1 < end, bytes[start] == UInt8(ascii: "/"), bytes[start + 1] == UInt8(ascii: "/") {
      let first = start + 2
      let slash = bytes[first..<end].firstIndex(of: UInt8(ascii: "/")) ?? end
      if first == end { return nil }
      path = slash..<end
      if first < slash { setAuthority(bytes, first..<slash) }
    }
  }

  private mutating func setAuthority(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    authority = range
    var start = range.lowerBound
    var info: Range<Int>?
    if let at = bytes[range].lastIndex(of: UInt8(ascii: "@")) {
      info = start..<at
      start = at + 1
    }
    var end = range.upperBound
    if start < end, bytes[start] == UInt8(ascii: "[") {
      guard let close = bytes[start..<end].firstIndex(of: UInt8(ascii: "]")) else { return }
      end = close + 1
    } else if let colon = bytes[start..<end].lastIndex(of: UInt8(ascii: ":")) {
      guard bytes[(colon + 1)..<end].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return }
      end = colon
    }
    // What is no host name belongs to a registry: it has neither host nor user.
    let names = ASCIISet.host
    let isName = bytes[start..<end].allSatisfy { names.contains($0) }
    guard isName, start < end else { return }
    userInfo = info
    host = start..<end
  }

  private static func isScheme(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    guard let first = bytes[range].first, first | 0x20 >= 0x61, first | 0x20 <= 0x7A else { return false }
    let letters = ASCIISet.scheme
    return bytes[range].allSatisfy { letters.contains($0) }
  }

  /// No blanks, control characters or excluded marks, and whole escapes.
  private static func isPermitted(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let special = ASCIISet.special
    for index in 0..<bytes.count where special.contains(bytes[index]) {
      guard bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, HexDigit.value(bytes[index + 1]) != nil,
        HexDigit.value(bytes[index + 2]) != nil
      else { return false }
    }
    return true
  }

  /// Where a part lies; nil if there is none.
  fileprivate func range(of part: URLFunctions.Part) -> Range<Int>? {
    switch part {
    case .host: host
    case .path: path
    case .query: query
    case .fragment: fragment
    case .scheme: scheme
    case .file: path.lowerBound..<(query?.upperBound ?? path.upperBound)
    case .authority: authority
    case .userInfo: userInfo
    }
  }

  /// Some of the ASCII characters.
  private struct ASCIISet {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ characters: some Sequence<UInt8>) {
      for byte in characters { if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) } }
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
      byte < 128 && (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 == 1
    }

    private static let alphanumeric =
      Array(UInt8(ascii: "0")...UInt8(ascii: "9"))
      + Array(UInt8(ascii: "A")...UInt8(ascii: "Z")) + Array(UInt8(ascii: "a")...UInt8(ascii: "z"))
    /// What a host name consists of, an address in brackets included.
    static let host = ASCIISet(alphanumeric + ".-[]:".utf8)
    /// What follows the first letter of a scheme.
    static let scheme = ASCIISet(alphanumeric + "+-.".utf8)
    /// Blanks, control characters and marks that no URL has, and the sign that begins an escape.
    static let special = ASCIISet(Array(0...0x20) + [0x7F] + "\"<>\\^`{|}%".utf8)
  }
}
