import MillraceCore

/// One file of a log: who it is, and how far it was read. This is what offsets and splits hold.
///
/// A path says little, since rotation changes it; a device and inode little more, since they are used again. So a file is known by
/// device, inode, a sum of its first bytes and a sum of the bytes before the offset. Under another inode it is known again, as a
/// copy or compressed, by the sums alone.
struct FollowedFile: Hashable, Sendable {
  /// Device and inode.
  struct Key: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
  }

  /// A sum over some bytes.
  struct Mark: Hashable, Sendable {
    var length: Int64 = 0
    var sum: Int64 = 0
  }

  /// Where the file's log lives: the live file's path.
  var base: String
  /// Where it was seen last.
  var path: String
  var key: Key
  var isCompressed = false
  /// The first bytes, uncompressed.
  var head = Mark()
  /// The bytes before the offset.
  var anchor = Mark()
  /// Uncompressed bytes that were read.
  var offset: Int64 = 0
  /// Time of the last change that was seen, microseconds.
  var modified: Int64 = 0
  /// Rotated files of the log that come before all that are known and were last changed no later than this are done; microseconds.
  var horizon: Int64 = 0
  /// Whether all that was there when it was last looked at has been read.
  var isDrained = false
  /// Whether it is rotated and was quiet for long enough; should it grow all the same, that is read, too.
  var isDone = false

  static let headLength: Int64 = 1024
  static let anchorLength: Int64 = 256

  /// The file after reading to `offset`.
  func moved(to offset: Int64, _ sighting: LogSurvey.Sighting) throws -> FollowedFile {
    var file = self
    file.offset = offset
    file.anchor = try sighting.held?.anchor(at: offset) ?? Mark()
    file.isDrained = sighting.held == nil || offset >= sighting.size
    return file
  }

  /// The file when nothing more is expected of it.
  var done: FollowedFile {
    var file = self
    file.isDone = true
    return file
  }

  /// Stands for a log that has no file yet.
  static func nothing(of base: String) -> FollowedFile {
    FollowedFile(base: base, path: base, key: Key(device: 0, inode: 0), isDrained: true)
  }
}

extension FollowedFile {
  /// What is as in most files is left out: offsets hold many.
  var json: JSON {
    var members: [JSON.Member] = [
      .init("base", .string(base)), .init("path", .string(path)), .init("device", .int(Int64(bitPattern: key.device))),
      .init("inode", .int(Int64(bitPattern: key.inode))), .init("head", FollowedFile.json(head)),
      .init("offset", .int(offset)), .init("modified", .int(modified)), .init("drained", .bool(isDrained)),
    ]
    if isCompressed { members.append(.init("gzip", .bool(true))) }
    if anchor != Mark() { members.append(.init("anchor", FollowedFile.json(anchor))) }
    if horizon > 0 { members.append(.init("horizon", .int(horizon))) }
    if isDone { members.append(.init("done", .bool(true))) }
    return .object(members)
  }

  init(_ json: JSON) throws {
    guard let base = json["base"]?.string, let path = json["path"]?.string, let device = json["device"]?.int,
      let inode = json["inode"]?.int, let head = FollowedFile.mark(json["head"]),
      let anchor = json["anchor"].map(FollowedFile.mark) ?? Mark(), let offset = json["offset"]?.int,
      let modified = json["modified"]?.int, let isDrained = json["drained"]?.bool
    else { throw MillraceError("SOURCE_OFFSET", "'\(json.text)' is no place in a rotating file") }
    self.init(
      base: base, path: path, key: Key(device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode)),
      isCompressed: json["gzip"]?.bool ?? false, head: head, anchor: anchor, offset: offset, modified: modified,
      horizon: json["horizon"]?.int ?? 0, isDrained: isDrained, isDone: json["done"]?.bool ?? false)
  }

  private static func json(_ mark: Mark) -> JSON { .array([.int(mark.length), .int(mark.sum)]) }

  private static func mark(_ json: JSON?) -> Mark? {
    guard let parts = json?.array, parts.count == 2, let length = parts[0].int, let sum = parts[1].int else {
      return nil
    }
    return Mark(length: length, sum: sum)
  }
}

extension FollowedFile.Key {
  init(_ status: FileStatus) { self.init(device: status.device, inode: status.inode) }
}
