/// Dates in the names of files and folders, as the fourteen digits `yyyyMMddHHmmss`.
enum NameDate {
  /// The digits of a date such as `20260131` or `2026-01-31` in a name, 0 if there is none.
  static func stamp(_ name: some StringProtocol) -> UInt64 {
    var digits = 0
    var value: UInt64 = 0
    for byte in name.utf8 {
      if byte >= 0x30 && byte <= 0x39 {
        if digits < 14 { value = value * 10 + UInt64(byte - 0x30) }
        digits += 1
      } else if (byte == 0x2D || byte == 0x5F || byte == 0x54) && digits >= 4 {
        continue
      } else {
        if digits >= 8 { break }
        digits = 0
        value = 0
      }
    }
    guard digits >= 8 else { return 0 }
    for _ in min(digits, 14)..<14 { value *= 10 }
    return value
  }
}

/// The time that the folders of a path tell: `2026-01-31`, `2026/01/31` or `date=2026-01-31/hour=07`. Of several the innermost counts.
enum FolderDate {
  /// That of each path; nil where the folders that are not the same for all tell none.
  static func stamps(of paths: [String]) -> [UInt64?] {
    let folders = paths.map { FilePath.parent($0) }
    // Few folders have many files.
    let parts = Set(folders).map { (folder: $0, parts: $0.split(separator: "/")) }
    guard let first = parts.first?.parts else { return [] }
    let shared = parts.reduce(first.count) { count, other in
      zip(first.prefix(count), other.parts).prefix { $0 == $1 }.count
    }
    let stamps = Dictionary(uniqueKeysWithValues: parts.map { ($0.folder, stamp($0.parts, below: shared)) })
    return folders.map { stamps[$0] ?? nil }
  }

  private static func stamp(_ folders: [Substring], below shared: Int) -> UInt64? {
    var found: [UInt64] = []
    var digits: [UInt64] = []
    for (depth, part) in folders.enumerated() {
      let text = part[(part.lastIndex(of: "=").map { part.index(after: $0) } ?? part.startIndex)...]
      let number = text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt64(text) : nil
      let date = NameDate.stamp(text)
      let before = digits
      if date > 0 {
        digits = [date / 10_000_000_000, date / 100_000_000 % 100, date / 1_000_000 % 100]
        let time = [date / 10_000 % 100, date / 100 % 100]
        if time != [0, 0] { digits += time }
      } else if let number, text.utf8.count == 4, (1900..<2200).contains(number) {
        digits = [number]
      } else if let number, text.utf8.count <= 2, !digits.isEmpty, digits.count < 5 {
        digits.append(number)
      } else if digits.count == 1 {
        digits = []
      }
      // A year alone may be any number.
      if depth >= shared, digits != before, digits.count > 1 { found = digits }
    }
    return found.isEmpty ? nil : (found + [0, 0, 0, 0]).prefix(5).reduce(0) { $0 * 100 + $1 } * 100
  }
}
