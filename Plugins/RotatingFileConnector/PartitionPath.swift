import MillraceCore
import MillraceFormats

/// Folder names such as `status=200`, written as Hive and Spark write them. Whatever the value, the name is one of a single folder:
/// no slash, no byte that ends a name, and never `.` or `..`.
enum PartitionPath {
  /// A name longer than this is cut, and told apart by a hash of all of it; file systems take 255 bytes.
  private static let limit = 200

  /// What the folder of each value of a column begins with.
  static func prefix(_ column: String) -> String { "\(escaped(column.utf8).prefix(limit / 2))" }

  /// The name of a column's value.
  static func name(_ column: String, _ value: String?) -> String {
    let text = value.map { $0.isEmpty ? PartitionColumns.none : escaped($0.utf8) } ?? PartitionColumns.none
    let name = "\(escaped(column.utf8))=\(text)"
    if name.utf8.count <= limit { return name }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    // Cut between characters, and not inside of an escape.
    var start = ""
    for character in name.unicodeScalars {
      if start.utf8.count + UTF8.width(character) > limit - 20 { break }
      start.unicodeScalars.append(character)
    }
    if let percent = start.lastIndex(of: "%"), start[percent...].utf8.count < 3 { start = String(start[..<percent]) }
    return start + "~" + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Special characters as `%` and two hexadecimal digits.
  private static func escaped(_ text: String.UTF8View) -> String {
    var bytes: [UInt8] = []
    for byte in text {
      if isSpecial(byte) {
        bytes += [0x25, HexDigit.upper(byte >> 4), HexDigit.upper(byte & 15)]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isSpecial(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x7F || "\"#%'*/:=?\\{[]^".utf8.contains(byte)
  }
}

extension HexDigit {
  /// The capital digit of a number below 16.
  fileprivate static func upper(_ number: UInt8) -> UInt8 { number < 10 ? 0x30 + number : 0x37 + number }
}
