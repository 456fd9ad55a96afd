import CKernels

/// A place that leads to a group and holds no key: a quarter of the memory of one that does. A search compares hashes and reads the key
/// of the group, so it touches one line of memory more, which pays where the bytes of the key lie elsewhere anyway.
struct ReferenceSlot: GroupSlot {
  var hash: UInt32
  var mark: UInt32

  init() {
    hash = 0
    mark = 0
  }

  init(_ hash: UInt32, group: UInt32) {
    self.hash = hash
    mark = group &+ 1
  }
}

extension GroupTable {
  /// Keys that are enough to tell whether most are long.
  private static let sample = 1024

  /// Settles the form of the slots, once there are enough keys: those of the table or, in one that is empty, those that come.
  func chooseForm(_ words: UnsafePointer<StringView>, _ count: Int) {
    let seen = groupCount == 0 ? words : UnsafePointer(keys)
    let seenCount = groupCount == 0 ? count : groupCount
    if seenCount < Self.sample { return }
    hasForm = true
    var longCount = 0
    for index in 0..<Self.sample where isLong(seen[index]) { longCount += 1 }
    if longCount * 2 > Self.sample { refer() }
  }

  /// From here on slots only refer to groups; not where they have counted rows, which would be lost.
  private func refer() {
    var rowCount: Int64 = 0
    slots.forEach { rowCount |= $0.pointee.rowCount }
    if rowCount != 0 { return }
    var references = SlotArray<ReferenceSlot>()
    references.reserve(slots.used)
    slots.forEach { slot in
      references.add(ReferenceSlot(slot.pointee.hash, group: slot.pointee.mark &- 1))
    }
    slots.deallocate()
    slots = SlotArray()
    self.references = references
  }

  /// Gives `groups` the group of each key that the table has, and others the next ones.
  func findOrRefer(
    _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>, _ count: Int,
    _ groups: UnsafeMutablePointer<UInt32>, _ isNew: UnsafeMutablePointer<UInt8>?
  ) {
    guard let references else { return }
    let missCount = followFirst(references, words, hashes, count, groups, scratch)
    let misses = scratch.misses
    let places = scratch.places
    var hasGrown = false
    for miss in 0..<missCount {
      let row = Int(truncatingIfNeeded: misses[miss])
      var at = Int(truncatingIfNeeded: places[row])
      // Where the slot at which the search ended is still empty, no key that came meanwhile is this one.
      if hasGrown || groups[row] != GroupTable.absent || references.base[at].mark != 0 {
        groups[row] = search(words[row], hashes[row], &at)
        if groups[row] != GroupTable.absent { continue }
      }
      groups[row] = addKey(words[row])
      self.references?.fill(at, ReferenceSlot(hashes[row], group: groups[row]))
      hasGrown = self.references?.count != references.count
      if let isNew { isNew[row] = 1 }
    }
  }

  /// Gives `groups` the group of each key that the table has, and others `absent`.
  func findReferred(
    _ references: SlotArray<ReferenceSlot>, _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>,
    _ count: Int, _ groups: UnsafeMutablePointer<UInt32>, _ scratch: Scratch
  ) {
    let missCount = followFirst(references, words, hashes, count, groups, scratch)
    let misses = scratch.misses
    for miss in 0..<missCount {
      let row = Int(truncatingIfNeeded: misses[miss])
      if groups[row] == GroupTable.absent { continue }
      var at = 0
      groups[row] = search(words[row], hashes[row], &at)
    }
  }

  /// Gives `groups` the first group whose hash each key has, or `absent`. The numbers of the rows that have another key than it go to
  /// `scratch.misses`; gives how many.
  private func followFirst(
    _ references: SlotArray<ReferenceSlot>, _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>,
    _ count: Int, _ groups: UnsafeMutablePointer<UInt32>, _ scratch: Scratch
  ) -> Int {
    ck_follow_first(
      UnsafeRawPointer(references.base).assumingMemoryBound(to: ck_group_reference.self), references.shift,
      references.count - 1, UnsafeRawPointer(keys).assumingMemoryBound(to: ck_view_words.self),
      UnsafeRawPointer(words).assumingMemoryBound(to: ck_view_words.self), hashes, count, groups, scratch.places,
      scratch.misses)
  }

  /// The key's group, or `absent` with `at` at the empty slot where it would go.
  func search(_ key: StringView, _ hash: UInt32, _ at: inout Int) -> UInt32 {
    guard let references else { return GroupTable.absent }
    let mask = references.count &- 1
    at = Int(truncatingIfNeeded: hash &>> references.shift)
    while true {
      let slot = references.base[at]
      if slot.mark == 0 { return GroupTable.absent }
      let group = slot.mark &- 1
      if slot.hash == hash && GroupTable.isSame(keys[Int(truncatingIfNeeded: group)], key, isPacked: false) {
        return group
      }
      at = (at &+ 1) & mask
    }
  }
}
