import Glibc

/// Counts what this process holds open under a folder, whoever opened it.
enum OpenFiles {
  static func count(under folder: String) -> Int {
    guard let list = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(list) }
    var count = 0
    while let entry = readdir(list) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var target = [UInt8](repeating: 0, count: 4096)
      let length = target.withUnsafeMutableBytes { bytes in
        readlink("/proc/self/fd/\(name)", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
      }
      if length > 0, String(decoding: target[..<length], as: UTF8.self).hasPrefix(folder + "/") { count += 1 }
    }
    return count
  }
}
