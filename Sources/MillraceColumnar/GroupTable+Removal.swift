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
    precondition(hasSlots, "groups are removed from a table that has its slots")
    let hash = hash(of: group)
    if references != nil { references?.remove(group, hash) } else { slots.remove(group, hash) }
    liveCount -= 1
  }

  /// Makes unlinked groups present again. No other group may have got their keys meanwhile.
  public func relink(_ groups: UnsafePointer<UInt32>, count: Int) {
    for row in 0..<count {
      link(groups[row], hash(of: groups[row]))
    }
  }

  /// Lets a slot lead to a group whose key is there.
  private func link(_ group: UInt32, _ hash: UInt32) {
    if references != nil {
      references?.add(ReferenceSlot(hash, group: group))
    } else {
      slots.add(Slot(keys[Int(group)], hash, group: group))
    }
    liveCount += 1
  }

  /// Lets later keys have the numbers of unlinked groups.
  public func release(_ groups: UnsafePointer<UInt32>, count: Int) {
    ownKeys()
    for row in 0..<count {
      let key = keys[Int(groups[row])]
      if isLong(key) { garbageBytes += key.count }
      keys[Int(groups[row])] = StringView()
      freeGroups.insert(Int(groups[row]))
    }
    if groupCount == freeGroups.count { removeAll() }
    if garbageBytes > 1 << 16 && garbageBytes > arena.byteCount / 2 { compactKeys() }
  }

  /// Copies the long keys in use into a new arena. Vectors given out before keep the old one.
  private func compactKeys() {
    let fresh = Arena()
    for group in 0..<groupCount where isLong(keys[group]) { keys[group] = fresh.store(keys[group]) }
    slots.forEach { $0.pointee.key = keys[Int($0.pointee.mark) - 1] }
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
      if !hasForm && start == 0 { chooseForm(words, length) }
      let hashes = scratch.hash(words, length, isPacked: layout.form == .packed)
      for row in 0..<length where isGood { isGood = insert(words[row], hashes[row], at: Int(groups[start + row])) }
    }
    return isGood
  }

  private func insert(_ key: StringView, _ hash: UInt32, at group: Int) -> Bool {
    guard isFree(group), group < Int(UInt32.max) - 1 else { return false }
    if has(key, hash) { return false }
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
    keys[group] = stored(key)
    link(UInt32(truncatingIfNeeded: group), hash)
    return true
  }
}
