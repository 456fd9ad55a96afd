import CKernels
import MillraceColumnar
import MillraceCore

/// The bytes of `MemoryStateStore.changes()`: format version, CRC32C of what follows, then sections of rows, the removed ones first, then the
/// changed, then the added.
///
/// A section is its kind, how many rows it has, their numbers, the keys of added rows, and the values of those that are not removed. Numbers
/// that follow one another are one number. In format 1 there was one section of each kind, without its kind, the numbers of all in front.
struct StateDelta {
  private static let formatVersion: UInt32 = 2
  /// Rows of a section; the columns of so many are in the second-level cache from when they are gathered to when they are written.
  static let sectionRows = 8192
  /// Most rows of any section, those of snapshots among them, so that a damaged number asks for no more memory than that.
  static let largestSection = 1 << 16

  private enum Kind: UInt8 {
    case removed, changed, added
  }

  /// Rows that were written together.
  struct Section {
    var numbers: [UInt32]
    /// Without any where only values changed.
    var keys: [ColumnVector] = []
    var values: [ColumnVector] = []
  }

  private(set) var removed: [UInt32] = []
  private(set) var changed: [Section] = []
  private(set) var added: [Section] = []

  /// Appends deltas to a buffer.
  struct Writer {
    private let out: ByteBuffer
    private var start = 0
    private var keyLayouts = StateCodec.TextLayouts()
    private var valueLayouts = StateCodec.TextLayouts()

    init(_ out: ByteBuffer) { self.out = out }

    /// Begins a delta; the last one is finished.
    mutating func begin() {
      start = out.count
      out.append(raw: formatVersion)
      out.append(raw: 0 as UInt32)
    }

    func remove(_ numbers: UnsafeBufferPointer<UInt32>) { write(.removed, numbers) }

    mutating func change(_ numbers: UnsafeBufferPointer<UInt32>, values: [ColumnVector]) {
      write(.changed, numbers)
      StateCodec.encode(values, count: numbers.count, &valueLayouts, into: out)
    }

    mutating func add(_ numbers: UnsafeBufferPointer<UInt32>, keys: [ColumnVector], values: [ColumnVector]) {
      write(.added, numbers)
      StateCodec.encode(keys, count: numbers.count, &keyLayouts, into: out)
      StateCodec.encode(values, count: numbers.count, &valueLayouts, into: out)
    }

    private func write(_ kind: Kind, _ numbers: UnsafeBufferPointer<UInt32>) {
      out.append(kind.rawValue)
      out.append(raw: UInt32(numbers.count))
      guard let first = numbers.first, let last = numbers.last else { return }
      // They ascend, so that their span tells whether one is left out.
      let isRun = Int(last) - Int(first) == numbers.count - 1
      out.append(isRun ? 1 as UInt8 : 0)
      if isRun { out.append(raw: first) } else { out.append(UnsafeRawBufferPointer(numbers)) }
    }

    /// Puts the checksum in its place.
    func finish() {
      let body = UnsafeRawBufferPointer(rebasing: out.bytes[(start + 8)...])
      let checksum = ck_crc32c(formatVersion, body.baseAddress, body.count)
      UnsafeMutableRawPointer(mutating: out.bytes.baseAddress.unsafelyUnwrapped + start + 4).storeBytes(
        of: checksum, as: UInt32.self)
    }
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
    guard version > 0, ck_crc32c(version, body.baseAddress, body.count) == checksum else {
      throw Self.corrupt("the checksum is wrong")
    }
    if version == 1 {
      try readFirstFormat(&reader, keyTypes, valueTypes)
      return
    }
    while reader.left > 0 {
      guard let kind = Kind(rawValue: try reader.read(UInt8.self)) else { throw Self.corrupt("a section has no kind") }
      let numbers = try Self.sectionNumbers(&reader)
      let count = numbers.count
      switch kind {
      case .removed: removed += numbers
      case .changed:
        changed.append(
          Section(numbers: numbers, values: try StateCodec.decode(valueTypes, count: count, from: &reader)))
      case .added:
        let keys = try StateCodec.decode(keyTypes, count: count, from: &reader)
        let values = try StateCodec.decode(valueTypes, count: count, from: &reader)
        added.append(Section(numbers: numbers, keys: keys, values: values))
      }
    }
  }

  private mutating func readFirstFormat(
    _ reader: inout StateReader, _ keyTypes: [DataType], _ valueTypes: [DataType]
  ) throws {
    removed = try Self.numbers(&reader, Int(try reader.read(UInt32.self)))
    let changedNumbers = try Self.numbers(&reader, Int(try reader.read(UInt32.self)))
    let addedNumbers = try Self.numbers(&reader, Int(try reader.read(UInt32.self)))
    func columns(_ types: [DataType], _ count: Int) throws -> [ColumnVector] {
      try StateCodec.decode(types, count: count, from: &reader, format: 1)
    }
    changed = [Section(numbers: changedNumbers, values: try columns(valueTypes, changedNumbers.count))]
    added = [
      Section(
        numbers: addedNumbers, keys: try columns(keyTypes, addedNumbers.count),
        values: try columns(valueTypes, addedNumbers.count))
    ]
    if reader.left != 0 { throw Self.corrupt("\(reader.left) bytes are left over") }
  }

  private static func sectionNumbers(_ reader: inout StateReader) throws -> [UInt32] {
    let count = Int(try reader.read(UInt32.self))
    guard count > 0 else { return [] }
    guard try reader.read(UInt8.self) == 1 else { return try numbers(&reader, count) }
    let first = try reader.read(UInt32.self)
    guard count <= largestSection, Int(first) + count <= Int(UInt32.max) else {
      throw corrupt("a section has \(count) rows")
    }
    return Array(first..<first + UInt32(count))
  }

  private static func numbers(_ reader: inout StateReader, _ count: Int) throws -> [UInt32] {
    let bytes = try reader.take(count * 4)
    return (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
  }

  static func corrupt(_ what: String) -> MillraceError {
    MillraceError(
      "STATE_CORRUPT", "state data is damaged: \(what)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint", fault: .external)
  }
}
