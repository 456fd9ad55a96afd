import Glibc
public import MillraceColumnar

/// A byte source whose splits bear the paths of the files that their bytes are from. Queries over it can read the column `_metadata`, and columns
/// that the names of folders tell.
public protocol FileNamingSource: ByteSource {
  /// From now on files need not be planned for whose path `isUnwanted` is true: the query wants none of their rows. Called before the first `plan`.
  func leaveOutFiles(where isUnwanted: @escaping @Sendable (_ path: String) throws -> Bool)
  /// A file of each folder that has any in the folder that the source reads, by its path below that; nil where it reads no folder as a whole.
  func pathsInFolder() throws -> [String]?
}

extension FileNamingSource {
  /// All are read.
  public func leaveOutFiles(where isUnwanted: @escaping @Sendable (_ path: String) throws -> Bool) {}
  /// It reads no folder.
  public func pathsInFolder() throws -> [String]? { nil }
}

/// Spark's column `_metadata`: facts about the file that a row is from. It comes out only where a query names it.
public enum FileMetadata {
  /// The column's name in queries.
  public static let columnName = "_metadata"
  /// A structure with the file's path and name as parts of a URI, its size in bytes, where the part of it that is read begins and how
  /// long it is (always the whole file), and when it was changed last.
  public static let type = DataType.structure([
    StructField("file_path", .string, isNullable: false), StructField("file_name", .string, isNullable: false),
    StructField("file_size", .long), StructField("file_block_start", .long), StructField("file_block_length", .long),
    StructField("file_modification_time", .timestamp),
  ])

  /// The value for the file that was at `path`; what the status tells is NULL where there is no file any more. As in Spark, the path is
  /// that of a URI without a host, and the time has milliseconds.
  public static func value(path: String, _ status: FileStatus?) -> Value {
    let whole = path.hasPrefix("/") ? path : currentFolder + "/" + path
    let encoded = encoded(whole)
    let name = encoded.split(separator: "/").last.map(String.init) ?? encoded
    let size = status.map { Value.integer($0.size) } ?? .null
    let modified = status.map { Value.integer($0.modified - ($0.modified % 1000 + 1000) % 1000) } ?? .null
    return .structure([
      .string("file:" + encoded), .string(name), size, status == nil ? .null : .integer(0), size, modified,
    ])
  }

  private static var currentFolder: String {
    guard let path = getcwd(nil, 0) else { return "" }
    defer { free(path) }
    return String(cString: path) == "/" ? "" : String(cString: path)
  }

  /// The characters that Java's URIs do not have in a path, as their bytes in hexadecimal.
  private static func encoded(_ path: String) -> String {
    let escaped = Set("\"#%<>?[\\]^`{|} ".utf8)
    var result: [UInt8] = []
    for byte in path.utf8 {
      if byte < 0x20 || byte == 0x7F || escaped.contains(byte) {
        let digits = Array("0123456789ABCDEF".utf8)
        result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
