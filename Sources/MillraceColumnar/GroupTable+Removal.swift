import Glibc

/// Group numbers that are free again. The lowest is given out first, so that which number a new key gets depends only on
/// which numbers are in use, not on how they came to be.
struct FreeGroups {
  private var words: [UInt64] = []
  private(set) var count = 0
  /// No free number lies in a word below it.
  private var lowestWord = 0

  var isEmpty: Bool { count == 0 }

  mutating func insert(_ group: Int) {
    let word = group >> 6
    if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
    words[word] |= 1 << UInt64(group & 63)
    count += 1
    lowestWord = min(lowestWord, word)
  }

  func contains(_ group: Int) -> Bool {
    group >> 6 < words.count && words[group >> 6] & 1 << UInt64(group & 63) != 0
  }

  mutating func remove(_ group: Int) {
    guard contains(group) else { return }
    words[group >> 6] &= ~(1 << UInt64(group & 63))
    count -= 1
  }

  mutating func takeLowest() -> Int? {
    if count == 0 { return nil }
    while words[lowestWord] == 0 { lowestWord += 1 }
    let group = lowestWord << 6 + words[lowestWord].trailingZeroBitCount
    words[lowestWord] &= words[lowestWord] &- 1
    count -= 1
    return group
  }
}

/// Removal in two steps, so that a caller can take it back: `unlink` makes the keys absent, then either `relink` brings them
/// back under the same numbers or `release` gives the numbers to later keys.
extension GroupTable {
  /// Makes groups absent. Each must be linked.
  public func unlink(_ groups: UnsafePointer<UInt32>, count: Int) {
    for row in 0..<count { unlink(groups[row]) }
  }

  private func hash(of group: UInt32) -> UInt32 {
    GroupHash.of(keys[Int(group)], isPacked: layout.form == .packed)
  }

  private func unlink(_ group: UInt32) {
    let mask = slotCount - 1
    var hole = Int(hash(of: group) >> shift)
    while slots[hole].mark != 0 && slots[hole].mark != group &+ 1 { hole = (hole + 1) & mask }
    precondition(slots[hole].mark != 0, "a group that is unlinked must be linked")
    // Later entries of the run move up unless that would put them in front of their own first slot.
    var at = (hole + 1) & mask
    while slots[at].mark != 0 {
      let home = Int(slots[at].hash >> shift)
      if (at - home) & mask >= (at - hole) & mask {
        slots[hole] = slots[at]
        hole = at
      }
      at = (at + 1) & mask
    }
    slots[hole] = Slot()
    usedSlots -= 1
    liveCount -= 1
  }

  /// Makes unlinked groups present again. No other group may have got their keys meanwhile.
  public func relink(_ groups: UnsafePointer<UInt32>, count: Int) {
    for row in 0..<count {
      place(Slot(keys[Int(groups[row])], hash(of: groups[row]), group: groups[row]))
      usedSlots += 1
      liveCount += 1
      if usedSlots >= slotLimit { growSlots(to: slotCount * 2) }
    }
  }

  /// Lets later keys have the numbers of unlinked groups.
  public func release(_ groups: UnsafePointer<UInt32>, count: Int) {
    for row in 0..<count {
      let key = keys[Int(groups[row])]
      if layout.form != .packed && !key.isInline && key.word0 != GroupKeyLayout.nullWord { garbageBytes += key.count }
      keys[Int(groups[row])] = StringView()
      freeGroups.insert(Int(groups[row]))
    }
    if groupCount == freeGroups.count { removeAll() }
    if garbageBytes > 1 << 16 && garbageBytes > arena.byteCount / 2 { compactKeys() }
  }

  /// Copies the long keys in use into a new arena. Vectors given out before keep the old one.
  private func compactKeys() {
    let fresh = Arena()
    for group in 0..<groupCount where !keys[group].isInline && keys[group].word0 != GroupKeyLayout.nullWord {
      keys[group] = fresh.store(keys[group])
    }
    for index in 0..<slotCount where slots[index].mark != 0 { slots[index].key = keys[Int(slots[index].mark) - 1] }
    arena = fresh
    garbageBytes = 0
  }

  /// Whether `group` is free for later keys.
  public func isFree(_ group: Int) -> Bool { group >= groupCount || freeGroups.contains(group) }

  /// Puts keys under given numbers, each of which must be free, and the keys absent. For restoring a table.
  /// Gives false, having done a part, when a number or key is taken already.
  public func insert(_ columns: [ColumnVector], count: Int, at groups: UnsafePointer<UInt32>) -> Bool {
    var isGood = true
    let scratch = Scratch()
    forEachBlock(columns, count: count, scratch) { start, length, words in
      let hashes = scratch.hash(words, length, isPacked: layout.form == .packed)
      for row in 0..<length where isGood { isGood = insert(words[row], hashes[row], at: Int(groups[start + row])) }
    }
    return isGood
  }

  private func insert(_ key: StringView, _ hash: UInt32, at group: Int) -> Bool {
    guard isFree(group), group < Int(UInt32.max) - 1 else { return false }
    var at = Int(hash >> shift)
    while slots[at].mark != 0 {
      if GroupTable.isSame(slots[at].key, key, isPacked: layout.form == .packed) { return false }
      at = (at + 1) & (slotCount - 1)
    }
    if group < groupCount {
      freeGroups.remove(group)
    } else {
      if group >= keyCapacity { growKeys(to: max(keyCapacity * 2, group + 1)) }
      for skipped in groupCount..<group {
        keys[skipped] = StringView()
        freeGroups.insert(skipped)
      }
      groupCount = group + 1
    }
    keys[group] =
      layout.form == .packed || key.isInline || key.word0 == GroupKeyLayout.nullWord ? key : arena.store(key)
    slots[at] = Slot(keys[group], hash, group: UInt32(truncatingIfNeeded: group))
    usedSlots += 1
    liveCount += 1
    if usedSlots >= slotLimit { growSlots(to: slotCount * 2) }
    return true
  }
}
