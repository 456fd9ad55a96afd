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
  /// Rotated files of the log that were last changed no later than this are done, but for those that are known; microseconds.
  var horizon: Int64 = 0
  /// Whether all that was there when it was last looked at has been read.
  var isDrained = false

  static let headLength: Int64 = 1024
  static let anchorLength: Int64 = 256
}

extension FollowedFile {
  var json: JSON {
    .dictionary([
      "base": .string(base), "path": .string(path), "device": .int(Int64(bitPattern: key.device)),
      "inode": .int(Int64(bitPattern: key.inode)), "gzip": .bool(isCompressed), "head": FollowedFile.json(head),
      "anchor": FollowedFile.json(anchor), "offset": .int(offset), "modified": .int(modified),
      "drained": .bool(isDrained), "horizon": .int(horizon),
    ])
  }

  init(_ json: JSON) throws {
    guard let base = json["base"]?.string, let path = json["path"]?.string, let device = json["device"]?.int,
      let inode = json["inode"]?.int, let isCompressed = json["gzip"]?.bool, let head = FollowedFile.mark(json["head"]),
      let anchor = FollowedFile.mark(json["anchor"]), let offset = json["offset"]?.int,
      let modified = json["modified"]?.int,
      let isDrained = json["drained"]?.bool
    else { throw MillraceError("SOURCE_OFFSET", "'\(json.text)' is no place in a rotating file") }
    self.init(
      base: base, path: path, key: Key(device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode)),
      isCompressed: isCompressed, head: head, anchor: anchor, offset: offset, modified: modified,
      horizon: json["horizon"]?.int ?? modified, isDrained: isDrained)
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
