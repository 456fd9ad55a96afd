import CKernels
import MillraceColumnar
import MillraceCore

/// The bytes of `MemoryStateStore.changes()`: format version, CRC32C of what follows, the numbers of removed, changed and
/// added rows, the values of the changed, the keys and values of the added.
struct StateDelta {
  private static let formatVersion: UInt32 = 1

  let removed: [UInt32]
  let changed: [UInt32]
  let changedValues: [ColumnVector]
  let added: [UInt32]
  let addedKeys: [ColumnVector]
  let addedValues: [ColumnVector]

  /// Appends a delta; `rows` appends the columns of the given rows.
  static func write(
    removed: [UInt32], changed: [UInt32], added: [UInt32], into out: ByteBuffer,
    rows: (_ numbers: [UInt32], _ withKeys: Bool) -> Void
  ) {
    let start = out.count
    out.append(raw: formatVersion)
    out.append(raw: 0 as UInt32)
    for numbers in [removed, changed, added] {
      out.append(raw: UInt32(numbers.count))
      numbers.withUnsafeBytes { out.append($0) }
    }
    rows(changed, false)
    rows(added, true)
    let body = UnsafeRawBufferPointer(rebasing: out.bytes[(start + 8)...])
    let checksum = ck_crc32c(formatVersion, body.baseAddress, body.count)
    UnsafeMutableRawPointer(mutating: body.baseAddress.unsafelyUnwrapped - 4).storeBytes(of: checksum, as: UInt32.self)
  }

  /// Reads a delta; throws `STATE_CORRUPT` or `STATE_TOO_NEW`.
  init(_ bytes: UnsafeRawBufferPointer, keyTypes: [DataType], valueTypes: [DataType]) throws {
    var reader = StateReader(bytes)
    let version = try reader.read(UInt32.self)
    guard version <= Self.formatVersion else {
      throw MillraceError(
        "STATE_TOO_NEW", "the state was written in format \(version), this program knows \(Self.formatVersion)",
        hint: "run the newer program")
    }
    let checksum = try reader.read(UInt32.self)
    let body = UnsafeRawBufferPointer(rebasing: bytes[8...])
    guard version == Self.formatVersion, ck_crc32c(version, body.baseAddress, body.count) == checksum else {
      throw Self.corrupt("the checksum is wrong")
    }
    removed = try Self.numbers(&reader)
    changed = try Self.numbers(&reader)
    added = try Self.numbers(&reader)
    changedValues = try StateCodec.decode(valueTypes, count: changed.count, from: &reader)
    addedKeys = try StateCodec.decode(keyTypes, count: added.count, from: &reader)
    addedValues = try StateCodec.decode(valueTypes, count: added.count, from: &reader)
    if reader.left != 0 { throw Self.corrupt("\(reader.left) bytes are left over") }
  }

  private static func numbers(_ reader: inout StateReader) throws -> [UInt32] {
    let count = Int(try reader.read(UInt32.self))
    let bytes = try reader.take(count * 4)
    return (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
  }

  static func corrupt(_ what: String) -> MillraceError {
    MillraceError(
      "STATE_CORRUPT", "state data is damaged: \(what)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint", fault: .external)
  }
}
