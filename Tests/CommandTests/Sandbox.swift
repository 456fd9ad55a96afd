import Glibc
import Synchronization

/// A folder of a test's own, removed with the value.
final class Sandbox: Sendable {
  let path: String
  private let count = Atomic<Int>(0)

  init() {
    var template = Array("/tmp/millrace-test-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? ""
    precondition(!path.isEmpty, "no folder can be made in /tmp")
  }

  deinit { Self.removeTree(path) }

  func nextNumber() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Writes a text file and gives its path.
  @discardableResult
  func write(_ name: String, _ text: String) -> String {
    let file = "\(path)/\(name)"
    if let slash = name.lastIndex(of: "/") { mkdir("\(path)/\(name[..<slash])", 0o755) }
    Self.write(text, to: file)
    return file
  }

  /// Makes a folder.
  func makeFolder(_ name: String) { mkdir("\(path)/\(name)", 0o755) }

  /// Paths of the files below a folder whose names do not begin with `_` or `.`, sorted.
  static func visibleFiles(_ folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var found: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasPrefix(".") || name.hasPrefix("_") { continue }
      found += entry.pointee.d_type == UInt8(DT_DIR) ? visibleFiles("\(folder)/\(name)") : ["\(folder)/\(name)"]
    }
    return found.sorted()
  }

  /// Paths of all files below a folder, sorted.
  static func allFiles(_ folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var found: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name == "." || name == ".." { continue }
      found += entry.pointee.d_type == UInt8(DT_DIR) ? allFiles("\(folder)/\(name)") : ["\(folder)/\(name)"]
    }
    return found.sorted()
  }

  /// Writes a text file anywhere.
  static func write(_ text: String, to path: String) {
    guard let handle = fopen(path, "w") else { return }
    fputs(text, handle)
    fclose(handle)
  }

  /// The checkout that this test was compiled from.
  static let root: String = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
    separator: "/")

  /// All of a file; empty if it cannot be read.
  static func read(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func removeTree(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name == "." || name == ".." { continue }
        let child = "\(path)/\(name)"
        if entry.pointee.d_type == UInt8(DT_DIR) { removeTree(child) } else { unlink(child) }
      }
      closedir(folder)
    }
    rmdir(path)
  }
}
