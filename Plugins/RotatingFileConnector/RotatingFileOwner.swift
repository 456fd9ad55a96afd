import MillraceCore

/// The note beside the files that names the query that writes them and the number of its first file. It is locked as long as the
/// query runs. Without it, what a crash left of a query's first batch could not be told from files of an earlier query.
final class RotatingFileOwner {
  private let file: any File
  private let files: any FileSystem
  private let name: RotatingFileName

  /// Opens and locks the note.
  init(_ name: RotatingFileName, _ files: any FileSystem) throws {
    self.name = name
    self.files = files
    try files.createDirectory(name.directory)
    file = try files.open(name.ownerPath, .update)
    if try !file.tryLock() {
      throw MillraceError(
        "SINK_IN_USE", "another process writes '\(name.pattern)'", hint: "end it, or choose another 'path'",
        fault: .external)
    }
  }

  /// The first file of a query that was here before, nil when another query or none was the last.
  func first(of query: String) throws -> Int64? {
    let size = try file.status().size
    if size == 0 || size > 65536 { return nil }
    let buffer = MemoryBuffer(capacity: Int(size))
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: Int(size))
    let count = try file.read(into: bytes, at: 0)
    // A torn note is none: nothing was written under it.
    guard let note = try? JSON(parsing: String(decoding: bytes[..<count], as: UTF8.self)),
      note["query"]?.string == query
    else { return nil }
    return note["first"]?.int
  }

  /// Says that a query writes from file `first` on, durably.
  func claim(query: String, first: Int64) throws {
    let note = JSON.dictionary(["version": .int(1), "query": .string(query), "first": .int(first)])
    var text = note.text + "\n"
    CrashPoint.pass("rotating.claim")
    try file.truncate(to: 0)
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0), at: 0) }
    try file.sync()
    try files.syncDirectory(name.directory)
    CrashPoint.pass("rotating.claimed")
  }

  func close() throws { try file.close() }
}
