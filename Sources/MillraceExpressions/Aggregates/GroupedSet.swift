import Glibc
import MillraceColumnar

/// The distinct byte strings of each group, in one hash table keyed by group and bytes.
final class GroupedSet {
  /// Slot of the table: 0 free, else entry number + 1.
  private var table: UnsafeMutablePointer<UInt32>
  private var mask: Int
  private let entries = GroupArray(Entry(view: StringView(), hash: 0, group: 0))
  private(set) var count = 0
  private let arena = Arena()

  private struct Entry: BitwiseCopyable {
    var view: StringView
    var hash: UInt64
    var group: UInt32
  }

  init() {
    mask = 63
    table = .allocate(capacity: 64)
    table.initialize(repeating: 0, count: 64)
  }

  deinit { table.deallocate() }

  /// Slot of a value in the set of a group, or the free slot where it would go.
  private func slot(_ view: StringView, _ group: UInt32, _ hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let found = table[slot]
      if found == 0 { return slot }
      let entry = entries.base[Int(found) - 1]
      if entry.hash == hash && entry.group == group && entry.view == view { return slot }
      slot = (slot + 1) & mask
    }
  }

  private static func hash(_ view: StringView, _ group: UInt32) -> UInt64 {
    ByteHash.hash(view, seed: UInt64(group) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Whether the set of a group has a value.
  func contains(_ view: StringView, group: UInt32) -> Bool {
    table[slot(view, group, Self.hash(view, group))] != 0
  }

  /// Adds a value to the set of a group and tells whether it is new there; the bytes are copied.
  func insert(_ view: StringView, group: UInt32) -> Bool {
    let hash = Self.hash(view, group)
    let slot = self.slot(view, group, hash)
    if table[slot] != 0 { return false }
    entries.reserve(count + 1)
    entries.base[count] = Entry(view: arena.store(view), hash: hash, group: group)
    count += 1
    table[slot] = UInt32(truncatingIfNeeded: count)
    if count * 2 > mask { grow() }
    return true
  }

  private func grow() {
    let capacity = (mask + 1) * 2
    table.deallocate()
    table = .allocate(capacity: capacity)
    table.initialize(repeating: 0, count: capacity)
    mask = capacity - 1
    for index in 0..<count {
      var slot = Int(truncatingIfNeeded: entries.base[index].hash) & mask
      while table[slot] != 0 { slot = (slot + 1) & mask }
      table[slot] = UInt32(truncatingIfNeeded: index + 1)
    }
  }

  /// Calls `body` with group and value of every entry, oldest first.
  func forEach(_ body: (Int, StringView) -> Void) {
    for index in 0..<count { body(Int(entries.base[index].group), entries.base[index].view) }
  }
}

/// Lists of byte strings per group, packed into one BINARY value each: a version byte, then length and bytes of every item.
enum PackedLists {
  static let version: UInt8 = RowCodec.version

  /// Packs items that `forEach` gives with their groups, called twice in the same order.
  static func pack(_ groupCount: Int, _ forEach: ((Int, StringView) -> Void) -> Void) -> ColumnVector {
    let cursors = GroupArray<Int>(0)
    cursors.reserve(groupCount)
    let at = cursors.base
    forEach { group, view in
      if group < groupCount { at[group] += 4 + view.count }
    }
    var total = 0
    for group in 0..<groupCount {
      let size = at[group] + 1
      at[group] = total
      total += size
    }
    let block = MemoryBuffer(capacity: total)
    for group in 0..<groupCount {
      block.base.storeBytes(of: version, toByteOffset: at[group], as: UInt8.self)
      at[group] += 1
    }
    forEach { group, view in
      guard group < groupCount else { return }
      block.base.storeBytes(of: UInt32(truncatingIfNeeded: view.count), toByteOffset: at[group], as: UInt32.self)
      view.withBytes { bytes in
        if let base = bytes.baseAddress { memcpy(block.base + at[group] + 4, base, bytes.count) }
      }
      at[group] += 4 + view.count
    }
    let out = MemoryBuffer(capacity: groupCount * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    var start = 0
    for group in 0..<groupCount {
      views[group] = StringView(block.base + start, at[group] - start)
      start = at[group]
    }
    return ColumnVector(type: .binary, count: groupCount, values: out, owners: [block])
  }

  /// Calls `body` with row and item of every packed list.
  static func unpack(_ packed: ColumnVector, _ body: (Int, StringView) -> Void) throws {
    for row in 0..<packed.count where !packed.isNull(row) {
      let bytes = packed.bytes(row)
      guard bytes.count >= 1, bytes[0] == version, let base = bytes.baseAddress else {
        throw MillraceError("STATE_ROW_DAMAGED", "an aggregate's state has an unknown version", fault: .external)
      }
      var position = 1
      while position < bytes.count {
        guard position + 4 <= bytes.count else { throw truncated }
        let length = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        position += 4
        guard length <= bytes.count - position else { throw truncated }
        body(row, StringView(base + position, length))
        position += length
      }
    }
  }

  private static var truncated: MillraceError {
    MillraceError("STATE_ROW_DAMAGED", "an aggregate's state ends early", fault: .external)
  }
}
