import MillraceColumnar
import MillraceCore

/// How far a file source has come: which files it has read, by identity, and how far each.
///
/// A file that has grown since is read on from where it ended, under whatever name.
struct FileSourceOffset {
  /// One file.
  struct Entry {
    let identity: FileIdentity
    /// Plain bytes that were read.
    let plain: Int64
    /// A member's start at or before them.
    let restart: GzipRestartPoint
    /// Whether the file was read to the end that it had.
    let isFinished: Bool
    /// As the checkpoint keeps it. Made once, since the offsets of many batches have the same entries.
    let json: JSON

    init(identity: FileIdentity, plain: Int64, restart: GzipRestartPoint, isFinished: Bool) {
      self.identity = identity
      self.plain = plain
      self.restart = restart
      self.isFinished = isFinished
      json = .array([identity.json, .int(plain), .int(restart.compressed), .int(restart.plain), .bool(isFinished)])
    }

    init?(_ json: JSON) {
      guard let parts = json.array, parts.count >= 5, let identity = FileIdentity(parts[0]), let plain = parts[1].int,
        let compressed = parts[2].int, let start = parts[3].int, let isFinished = parts[4].bool
      else { return nil }
      self.identity = identity
      self.plain = plain
      restart = GzipRestartPoint(compressed: compressed, plain: start)
      self.isFinished = isFinished
      self.json = json
    }
  }

  private(set) var entries: [Entry] = []
  private var position: [FileIdentity.Key: Int] = [:]

  init() {}

  init(_ offset: Offset?) throws {
    guard let offset else { return }
    guard offset.json["version"]?.int == 1, let files = offset.json["files"]?.array else {
      throw MillraceError(
        "OFFSET_NOT_UNDERSTOOD", "the checkpoint's place in a file source has a form of another version",
        hint: "run the version of Millrace that wrote the checkpoint, or start with a new one")
    }
    for file in files {
      guard let entry = Entry(file) else {
        throw MillraceError(
          "OFFSET_NOT_UNDERSTOOD", "the checkpoint's place in a file source does not name a file: \(file.text)")
      }
      set(entry)
    }
  }

  /// As the checkpoint keeps it.
  var offset: Offset {
    Offset(.dictionary(["version": .int(1), "files": .array(entries.map(\.json))]))
  }

  /// The entry of a file on the same inode, if any.
  func entry(_ key: FileIdentity.Key) -> Entry? { position[key].map { entries[$0] } }

  /// Whether a file of this size was read to its end; it may have got another on its inode since.
  func hasRead(_ file: ListedFile) -> Bool {
    entry(file.key).map { $0.isFinished && $0.identity.size == file.status.size } ?? false
  }

  mutating func set(_ entry: Entry) {
    if let index = position[entry.identity.key] {
      entries[index] = entry
    } else {
      position[entry.identity.key] = entries.count
      entries.append(entry)
    }
  }

  /// Forgets finished files that are gone, oldest first, when there are very many; else a later file on the inode of one that is gone
  /// is told apart by its head.
  mutating func forget(allBut present: Set<FileIdentity.Key>, keeping limit: Int) {
    guard entries.count > limit else { return }
    let kept = entries.filter { !$0.isFinished || present.contains($0.identity.key) }
    entries = []
    position = [:]
    for entry in kept { set(entry) }
  }
}
