import MillraceCore

/// The empty member at a file's start that says whose it is.
struct GzipOwner {
  var queryID: String
  var sinkName: String

  /// A gzip member without data, its comment naming the query.
  var member: [UInt8] {
    let comment = "millrace \(queryID) \(sinkName)".utf8.filter { $0 != 0 }
    // Magic, deflate, flag "comment", no time, unknown system; then an empty last block, CRC 0, length 0.
    return [0x1F, 0x8B, 8, 0x10, 0, 0, 0, 0, 0, 255] + comment + [0] + [3, 0] + [UInt8](repeating: 0, count: 8)
  }

  /// Whether a file begins with this member, or is what a crash may leave of it: its start, or zeros.
  func owns(_ file: any File, size: Int64) throws -> Bool {
    let wanted = member
    var found = [UInt8](repeating: 0, count: wanted.count)
    _ = try found.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    if size > wanted.count { return found == wanted }
    return zip(found, wanted).allSatisfy { $0 == $1 || $0 == 0 }
  }
}
