import MillraceCore

/// The note beside the files that names the query that writes them and the number of its first file. It is locked as long as the
/// query runs. Without it, what a crash left of a query's first batch could not be told from files of an earlier query.
final class RotatingFileOwner {
  private let file: any File
  private let files: any FileSystem
  private let name: RotatingFileName

  /// What the note says.
  struct Note {
    var query: String
    /// Number of the first file of the query.
    var first: Int64
    /// Number of the first file of any query that wrote here and left a note: files below are nobody's.
    var oldest: Int64
  }

  /// Opens and locks the note.
  init(_ name: RotatingFileName, _ files: any FileSystem) throws {
    self.name = name
    self.files = files
    try files.createDirectory(name.directory)
    let isOld = try files.status(name.ownerPath) == nil && files.status(name.oldOwnerPath) != nil
    file = try files.open(isOld ? name.oldOwnerPath : name.ownerPath, .update)
    if try !file.tryLock() {
      throw MillraceError(
        "SINK_IN_USE", "another process writes '\(name.pattern)'", hint: "end it, or choose another 'path'",
        fault: .external)
    }
  }

  /// The note that there is; nil if there is none, or a torn one: nothing was written under that.
  func note() throws -> Note? {
    let size = try file.status().size
    if size == 0 || size > 65536 { return nil }
    let buffer = MemoryBuffer(capacity: Int(size))
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: Int(size))
    let count = try file.read(into: bytes, at: 0)
    guard let note = try? JSON(parsing: String(decoding: bytes[..<count], as: UTF8.self)),
      let query = note["query"]?.string, let first = note["first"]?.int
    else { return nil }
    return Note(query: query, first: first, oldest: note["oldest"]?.int ?? first)
  }

  /// Says who writes, durably.
  func claim(_ note: Note) throws {
    let json = JSON.dictionary([
      "version": .int(1), "query": .string(note.query), "first": .int(note.first), "oldest": .int(note.oldest),
    ])
    var text = json.text + "\n"
    CrashPoint.pass("rotating.claim")
    try file.truncate(to: 0)
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0), at: 0) }
    try file.sync()
    try files.syncDirectory(name.directory)
    CrashPoint.pass("rotating.claimed")
  }

  func close() throws { try file.close() }
}
