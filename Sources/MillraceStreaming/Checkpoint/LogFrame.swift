import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// One record of the commit log as bytes.
///
/// 24 bytes of header (magic, format, kind, payload length, checksum, sequence number), then the payload: the length of a
/// JSON text, the text, and binary sections with their lengths in front. Frames start at multiples of 8. The checksum covers
/// everything else and is seeded with the query's id, so that neither zeros nor another query's log pass for a frame.
struct LogFrame {
  enum Kind: UInt8, CaseIterable {
    case plan = 1
    case commit = 2
    /// First in each segment: all that a recovery needs from the segments before, except state changes.
    case head = 3
    /// The query was stopped on purpose.
    case seal = 4
  }

  static let format: UInt8 = 1
  static let headerSize = 24
  private static let magic: UInt32 = 0x474F_4C4D

  let kind: Kind
  let sequence: UInt64
  let json: JSON
  /// Where the binary sections lie in the segment.
  let sections: [Range<Int>]
  /// Where the next frame starts in the segment.
  let end: Int

  /// The seed of checksums for a query.
  static func seed(queryID: String) -> UInt32 {
    Array(queryID.utf8).withUnsafeBytes { ck_crc32c(0x4D4C, $0.baseAddress, $0.count) }
  }

  /// Appends a frame; `out` must hold a multiple of 8 bytes and does so afterwards.
  static func write(
    _ kind: Kind, sequence: UInt64, json: JSON, sections: [MemoryBuffer], seed: UInt32, into out: ByteBuffer
  ) {
    let start = out.count
    memset(out.reserve(headerSize), 0, headerSize)
    out.advance(headerSize)
    let text = json.text
    out.append(raw: UInt32(text.utf8.count))
    out.append(text)
    for section in sections {
      out.append(raw: UInt32(section.capacity))
      out.append(section.bytes)
    }
    let length = out.count - start - headerSize
    while out.count % 8 != 0 { out.append(0 as UInt8) }
    let header = UnsafeMutableRawPointer(mutating: out.bytes.baseAddress.unsafelyUnwrapped + start)
    header.storeBytes(of: magic, as: UInt32.self)
    header.storeBytes(of: format, toByteOffset: 4, as: UInt8.self)
    header.storeBytes(of: kind.rawValue, toByteOffset: 5, as: UInt8.self)
    header.storeBytes(of: UInt32(length), toByteOffset: 8, as: UInt32.self)
    header.storeBytes(of: sequence, toByteOffset: 16, as: UInt64.self)
    header.storeBytes(of: checksum(header, length, seed), toByteOffset: 12, as: UInt32.self)
  }

  private static func checksum(_ header: UnsafeRawPointer, _ length: Int, _ seed: UInt32) -> UInt32 {
    ck_crc32c(ck_crc32c(seed, header, 12), header + 16, 8 + length)
  }

  /// Whether a whole frame with a good checksum starts at `at`; gives its sequence number and end.
  static func probe(_ bytes: UnsafeRawBufferPointer, _ at: Int, seed: UInt32) -> (sequence: UInt64, length: Int)? {
    guard at >= 0, at + headerSize < bytes.count, let base = bytes.baseAddress else { return nil }
    let header = base + at
    guard header.loadUnaligned(as: UInt32.self) == magic else { return nil }
    let length = Int(header.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    guard length > 0, length <= bytes.count - at - headerSize else { return nil }
    guard header.loadUnaligned(fromByteOffset: 12, as: UInt32.self) == checksum(header, length, seed) else {
      return nil
    }
    return (header.loadUnaligned(fromByteOffset: 16, as: UInt64.self), length)
  }

  /// Whether something that looks like a frame, whole or not, starts at a multiple of 8 from `from`.
  static func hasMagic(_ bytes: UnsafeRawBufferPointer, from: Int) -> Bool {
    stride(from: from, to: bytes.count - 4, by: 8).contains {
      bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self) == magic
    }
  }

  /// The frame at `at`; nil where there is none or a broken one. Throws `CHECKPOINT_TOO_NEW` and `CheckpointDamage`.
  init?(_ bytes: UnsafeRawBufferPointer, at: Int, seed: UInt32, path: String) throws {
    guard let (sequence, length) = Self.probe(bytes, at, seed: seed) else { return nil }
    if bytes[at + 4] > Self.format {
      throw CheckpointError.tooNew(path, found: Int(bytes[at + 4]), known: Int(Self.format))
    }
    guard let kind = Kind(rawValue: bytes[at + 5]) else {
      throw CheckpointDamage(path, at, "the record has the unknown kind \(bytes[at + 5])")
    }
    self.kind = kind
    self.sequence = sequence
    end = (at + Self.headerSize + length + 7) / 8 * 8
    var position = at + Self.headerSize
    let limit = position + length
    func take() throws -> Range<Int> {
      guard position + 4 <= limit else { throw CheckpointDamage(path, at, "a record ends too early") }
      let count = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
      guard position + 4 + count <= limit else { throw CheckpointDamage(path, at, "a record ends too early") }
      defer { position += 4 + count }
      return position + 4..<position + 4 + count
    }
    let text = try take()
    json = try JSON(parsing: String(decoding: UnsafeRawBufferPointer(rebasing: bytes[text]), as: UTF8.self))
    var sections: [Range<Int>] = []
    while position < limit { sections.append(try take()) }
    self.sections = sections
  }
}

/// Something in a file of a checkpoint that is not as it was written.
struct CheckpointDamage: Error {
  var path: String
  var offset: Int
  var what: String

  init(_ path: String, _ offset: Int, _ what: String) {
    self.path = path
    self.offset = offset
    self.what = what
  }

  /// Runs `body`; a damage is thrown on as `CHECKPOINT_CORRUPT`.
  static func told<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let damage as CheckpointDamage {
      throw CheckpointError.corrupt(damage.path, damage.offset, damage.what)
    }
  }
}

/// What can be wrong with a checkpoint.
enum CheckpointError {
  static func corrupt(_ path: String, _ offset: Int, _ what: String) -> MillraceError {
    MillraceError(
      "CHECKPOINT_CORRUPT", "'\(path)' is damaged at byte \(offset): \(what)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
  }

  static func tooNew(_ path: String, found: Int, known: Int) -> MillraceError {
    MillraceError(
      "CHECKPOINT_TOO_NEW", "'\(path)' was written in format \(found), this program knows format \(known)",
      hint: "run the newer program; nothing was changed")
  }
}
