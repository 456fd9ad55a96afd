import CKernels
import Glibc

/// Numbers the distinct keys it is shown: 0, 1, 2, … in the order in which they first come. The heart of every aggregation,
/// deduplication and hash join. Keys are flat columns (no array, map or struct); NULL is a key like any other, -0.0 is 0.0
/// and every NaN is the same. Used by one thread at a time.
///
/// Each key becomes 16 bytes, however many columns it has (see `GroupKeyLayout`), so that comparing two is two words for all
/// but long strings. A slot of the open-addressing table holds the key beside the group's number, so that a lookup touches
/// one line of memory; where most keys are long, whose bytes lie elsewhere anyway, it only refers to the group (see
/// `ReferenceSlot`).
///
/// Rows go through in blocks and passes: first all are hashed, then all first slots are fetched ahead and compared without a
/// branch, and last what did not match there is searched for. So the processor waits for many slots at once.
///
/// Properties that change with each new group are not checked for overlapping access at run time, which cost more than the rest
/// of adding one: no closure of this type's runs while they change.
public final class GroupTable: @unchecked Sendable {
  /// Whether rows are counted while their groups are found.
  public enum Counting: Sendable {
    /// They are not.
    case none
    /// They are, and their groups are given.
    case besideGroups
    /// They are, and then their groups are not given.
    case alone
  }

  /// What `find` gives for an absent key.
  public static let absent = UInt32.max

  /// Types of the key columns.
  public let keyTypes: [DataType]
  /// Groups so far: every group number is below it. Without removals each of them is in use.
  @exclusivity(unchecked) public internal(set) var groupCount = 0
  /// Groups in use.
  @exclusivity(unchecked) public internal(set) var liveCount = 0
  let layout: GroupKeyLayout
  /// The 16-byte key of each group.
  @exclusivity(unchecked) var keys: UnsafeMutablePointer<StringView>
  var keyCapacity: Int
  /// The memory of `keys` where columns may have it too. Until `ownKeys` only keys behind theirs are written.
  @exclusivity(unchecked) var lentKeys: MemoryBuffer?
  /// Bytes of keys that do not fit into 16.
  @exclusivity(unchecked) var arena = Arena()
  /// Bytes in `arena` that belong to no group any more.
  var garbageBytes = 0
  /// Where keys are found while `references` is nil.
  @exclusivity(unchecked) var slots = SlotArray<Slot>()
  /// Where they are found instead once most of them are known to be long.
  @exclusivity(unchecked) var references: SlotArray<ReferenceSlot>?
  /// Whether it is settled which of the two it is.
  var hasForm: Bool
  /// Whether groups can be found, which they cannot after `releaseSlots`.
  @exclusivity(unchecked) var hasSlots = true
  /// Groups below `groupCount` that may be given to a new key; empty without removals.
  @exclusivity(unchecked) var freeGroups = FreeGroups()
  let scratch = Scratch()

  /// A place for a group, half a line of memory so that none lies across two.
  struct Slot: GroupSlot {
    var key: StringView
    var hash: UInt32
    /// Group + 1; 0 for an empty slot, whose key is empty too.
    var mark: UInt32
    /// Rows counted since they were last taken.
    var rowCount: Int64 = 0

    /// An empty slot.
    init() {
      key = StringView()
      hash = 0
      mark = 0
    }

    init(_ key: StringView, _ hash: UInt32, group: UInt32) {
      self.key = key
      self.hash = hash
      mark = group &+ 1
    }
  }

  /// Memory for the keys and hashes of a block, and for the rows whose first slot held another key.
  struct Scratch {
    let keys = MemoryBuffer(capacity: GroupTable.block * 16)
    let bytes = ByteBuffer()
    private let hashes = MemoryBuffer.zeroed((GroupTable.block + CK_HASHES_BEHIND) * 4)
    private let missing = MemoryBuffer(capacity: GroupTable.block * 2)
    private let ends = MemoryBuffer(capacity: GroupTable.block * 4)

    var misses: UnsafeMutablePointer<UInt16> { missing.base.assumingMemoryBound(to: UInt16.self) }
    /// The slots at which searches through references ended.
    var places: UnsafeMutablePointer<UInt32> { ends.base.assumingMemoryBound(to: UInt32.self) }

    /// The hashes of a block's keys.
    func hash(_ keys: UnsafePointer<StringView>, _ count: Int, isPacked: Bool) -> UnsafePointer<UInt32> {
      let target = hashes.base.assumingMemoryBound(to: UInt32.self)
      GroupHash.fill(target, keys, count: count, isPacked: isPacked)
      return UnsafePointer(target)
    }
  }

  /// Rows that go through together.
  static let block = 2048
  /// Rows by which further slots are fetched ahead of the search.
  private static let lead = 24
  /// Slots that are in the first-level cache anyway.
  private static let nearSlots = 1024

  /// An empty table for keys of these types. One that `savesMemory` takes a quarter of it for its slots where keys are no numbers, and is a
  /// little slower to find them.
  public init(keyTypes: [DataType], savesMemory: Bool = false) {
    assert(MemoryLayout<Slot>.stride == MemoryLayout<ck_group_slot>.stride, "a slot is the same in C")
    self.keyTypes = keyTypes
    layout = GroupKeyLayout(keyTypes)
    keyCapacity = 64
    keys = RawMemory.allocate(StringView.self, capacity: keyCapacity)
    hasForm = layout.form == .packed || savesMemory
    if savesMemory && layout.form != .packed { references = SlotArray() }
  }

  deinit {
    if lentKeys == nil { RawMemory.deallocate(keys, capacity: keyCapacity) }
    slots.deallocate()
    references?.deallocate()
  }

  /// Bytes of memory in use.
  public var memoryBytes: Int {
    slots.memoryBytes + (references?.memoryBytes ?? 0) + groupCount * 16 + arena.byteCount
  }

  /// The group of each of `count` rows; a key that is new becomes the next group.
  ///
  /// `isNew`, where wanted, gets 1 for the row that made its group and 0 for others. `counting` asks that the rows of each group be
  /// counted on the way, where the slot is at hand, for `takeRowCounts`; gives whether they were. `hashes` are those of the keys where they
  /// are known.
  @discardableResult
  public func findOrInsert(
    _ keys: [ColumnVector], count: Int, hashes known: KeyHashes? = nil, into groups: UnsafeMutablePointer<UInt32>,
    isNew: UnsafeMutablePointer<UInt8>? = nil, counting: Counting = .none
  ) -> Bool {
    let countsRows = counting != .none
    guard count > 0 else { return countsRows }
    if !hasSlots { restoreSlots() }
    if keys.allSatisfy(\.isConstant) && count > 1 && (!countsRows || slots.count <= count) {
      let isCounted = findOrInsert(
        keys, count: 1, into: groups, isNew: isNew, counting: countsRows ? .besideGroups : .none)
      if isCounted { countRows(count - 1, of: groups[0]) }
      for row in 1..<count { groups[row] = groups[0] }
      if let isNew { memset(isNew + 1, 0, count - 1) }
      return isCounted
    }
    if let isNew { memset(isNew, 0, count) }
    let isPacked = layout.form == .packed
    forEachBlock(keys, count: count, scratch) { start, length, words in
      if !hasForm && start == 0 { chooseForm(words, length) }
      let hashes = known.map { $0.hashes + start } ?? scratch.hash(words, length, isPacked: isPacked)
      let news = isNew.map { $0 + start }
      if references != nil { return findOrRefer(words, hashes, length, groups + start, news) }
      let missCount = matchFirst(words, hashes, length, groups + start, scratch, counting)
      if missCount == 0 { return }
      if isPacked {
        insert(words, hashes, scratch, missCount, groups + start, news, isPacked: true, countsRows)
      } else {
        insert(words, hashes, scratch, missCount, groups + start, news, isPacked: false, countsRows)
      }
    }
    return countsRows && references == nil
  }

  /// Counts rows of a group, whose slot is looked for.
  private func countRows(_ count: Int, of group: UInt32) {
    slots.forEach { slot in if slot.pointee.mark == group + 1 { slot.pointee.rowCount &+= Int64(count) } }
  }

  /// The group of each of `count` rows, `absent` for keys that the table does not have.
  ///
  /// Several threads may look up at once as long as none changes the table, so each call has scratch memory of its own.
  public func find(_ keys: [ColumnVector], count: Int, into groups: UnsafeMutablePointer<UInt32>) {
    guard count > 0 else { return }
    precondition(hasSlots, "keys are looked for in a table that has its slots")
    if keys.allSatisfy(\.isConstant) && count > 1 {
      find(keys, count: 1, into: groups)
      for row in 1..<count { groups[row] = groups[0] }
      return
    }
    let scratch = Scratch()
    let isPacked = layout.form == .packed
    forEachBlock(keys, count: count, scratch) { start, length, words in
      let hashes = scratch.hash(words, length, isPacked: isPacked)
      if let references {
        return findReferred(references, words, hashes, length, groups + start, scratch)
      }
      let missCount = matchFirst(words, hashes, length, groups + start, scratch, .none)
      if missCount == 0 { return }
      if isPacked {
        lookUp(words, hashes, scratch, missCount, groups + start, isPacked: true)
      } else {
        lookUp(words, hashes, scratch, missCount, groups + start, isPacked: false)
      }
    }
  }

  /// Adds to `counts`, one number per group, the rows that were counted since the last call.
  public func takeRowCounts(addingTo counts: UnsafeMutablePointer<Int64>) {
    if references != nil { return }
    ck_take_row_counts(
      UnsafeMutableRawPointer(slots.base).assumingMemoryBound(to: ck_group_slot.self), slots.count, counts)
  }

  /// Makes room for `count` groups, so that adding them moves nothing.
  public func reserve(_ count: Int) {
    if !hasSlots { restoreSlots() }
    if count > keyCapacity { growKeys(to: count) }
    if references != nil { references?.reserve(count) } else { slots.reserve(count) }
  }

  /// Forgets all groups.
  public func removeAll() {
    groupCount = 0
    ownKeys()
    liveCount = 0
    hasSlots = true
    garbageBytes = 0
    arena = Arena()
    freeGroups = FreeGroups()
    slots.removeAll()
    references?.removeAll()
  }

  /// Encodes the rows block by block.
  @inline(__always)
  func forEachBlock(
    _ columns: [ColumnVector], count: Int, _ scratch: Scratch,
    _ body: (_ start: Int, _ length: Int, _ words: UnsafePointer<StringView>) -> Void
  ) {
    precondition(columns.count == keyTypes.count, "one column per key type")
    let words = scratch.keys.base.assumingMemoryBound(to: StringView.self)
    for start in stride(from: 0, to: count, by: GroupTable.block) {
      let length = min(GroupTable.block, count - start)
      body(start, length, layout.encode(columns, start: start, count: length, words: words, scratch: scratch.bytes))
    }
  }

  /// Compares each key with the one in its first slot, whose layout in C is `ck_group_slot`, and takes over the group where all 16 bytes are the same. The numbers of
  /// the other rows go to `scratch.misses`; gives how many.
  private func matchFirst(
    _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>, _ count: Int,
    _ groups: UnsafeMutablePointer<UInt32>, _ scratch: Scratch, _ counting: Counting
  ) -> Int {
    let table = UnsafeMutableRawPointer(slots.base).assumingMemoryBound(to: ck_group_slot.self)
    let keys = UnsafeRawPointer(words).assumingMemoryBound(to: ck_view_words.self)
    let isNear = slots.count <= Self.nearSlots
    return switch counting {
    case .none: ck_match_first(table, slots.shift, keys, hashes, count, groups, scratch.misses, isNear)
    case .besideGroups:
      ck_match_and_count_first(table, slots.shift, keys, hashes, count, groups, scratch.misses, isNear)
    case .alone: ck_count_first(table, slots.shift, keys, hashes, count, scratch.misses, isNear)
    }
  }

  @inline(__always)
  private func insert(
    _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>, _ scratch: Scratch, _ count: Int,
    _ groups: UnsafeMutablePointer<UInt32>, _ isNew: UnsafeMutablePointer<UInt8>?, isPacked: Bool, _ countsRows: Bool
  ) {
    let rowCount: Int64 = countsRows ? 1 : 0
    let misses = scratch.misses
    var view = Probe(self)
    for miss in 0..<count {
      view.fetchAhead(of: miss, misses, count, hashes, isPacked: isPacked)
      let row = Int(truncatingIfNeeded: misses[miss])
      var at = view.firstSlot(hashes[row])
      let group = view.find(words[row], hashes[row], &at, isPacked: isPacked)
      if group != GroupTable.absent {
        groups[row] = group
        if countsRows { view.count(at, hashes[row]) }
        continue
      }
      groups[row] = addGroup(words[row], hashes[row], at, rowCount)
      if let isNew { isNew[row] = 1 }
      view = Probe(self)
    }
  }

  @inline(__always)
  private func lookUp(
    _ words: UnsafePointer<StringView>, _ hashes: UnsafePointer<UInt32>, _ scratch: Scratch, _ count: Int,
    _ groups: UnsafeMutablePointer<UInt32>, isPacked: Bool
  ) {
    let misses = scratch.misses
    let view = Probe(self)
    for miss in 0..<count {
      view.fetchAhead(of: miss, misses, count, hashes, isPacked: isPacked)
      let row = Int(truncatingIfNeeded: misses[miss])
      var at = view.firstSlot(hashes[row])
      groups[row] = view.find(words[row], hashes[row], &at, isPacked: isPacked)
    }
  }

  /// The table's memory in local variables, so that the loops over rows read no property of the object.
  private struct Probe {
    let slots: UnsafeMutablePointer<Slot>
    let mask: Int
    let shift: UInt32

    @inline(__always)
    init(_ table: GroupTable) {
      slots = table.slots.base
      mask = table.slots.count &- 1
      shift = table.slots.shift
    }

    @inline(__always)
    func firstSlot(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: hash &>> shift) }

    /// Fetches what searches that are soon to come will read: the line behind that of the first slot, which has one or two of the slots that
    /// follow; and, nearer, the bytes of a long key whose hash is the same.
    @inline(__always)
    func fetchAhead(
      of miss: Int, _ misses: UnsafePointer<UInt16>, _ count: Int, _ hashes: UnsafePointer<UInt32>, isPacked: Bool
    ) {
      if miss == 0 {
        for early in 0..<min(count, GroupTable.lead) { fetchNextLine(hashes[Int(truncatingIfNeeded: misses[early])]) }
      }
      if miss &+ GroupTable.lead < count {
        fetchNextLine(hashes[Int(truncatingIfNeeded: misses[miss &+ GroupTable.lead])])
      }
      if !isPacked && miss &+ GroupTable.lead / 2 < count {
        let hash = hashes[Int(truncatingIfNeeded: misses[miss &+ GroupTable.lead / 2])]
        let slot = slots + firstSlot(hash)
        let key = slot.pointee.key
        if slot.pointee.hash == hash && !key.isInline { ck_prefetch(UnsafeRawPointer(bitPattern: UInt(key.word1))) }
      }
    }

    @inline(__always)
    private func fetchNextLine(_ hash: UInt32) { ck_prefetch(slots + ((firstSlot(hash) &+ 2) & mask)) }

    /// Counts a row at a slot that is not the first for its hash. What comes more often than that one's key takes its place: both are still found,
    /// since there is no empty slot between, and the frequent one is found at once.
    @inline(__always)
    func count(_ at: Int, _ hash: UInt32) {
      let first = firstSlot(hash)
      slots[at].rowCount &+= 1
      if slots[at].rowCount > slots[first].rowCount { swap(&slots[at], &slots[first]) }
    }

    /// The key's group, or `absent` with `at` at the empty slot where it would go.
    @inline(__always)
    func find(_ key: StringView, _ hash: UInt32, _ at: inout Int, isPacked: Bool) -> UInt32 {
      while true {
        let slot = slots + at
        if slot.pointee.mark == 0 { return GroupTable.absent }
        if slot.pointee.hash == hash && GroupTable.isSame(slot.pointee.key, key, isPacked: isPacked) {
          return slot.pointee.mark &- 1
        }
        at = (at &+ 1) & mask
      }
    }
  }

  /// Whether a key has a group.
  func has(_ key: StringView, _ hash: UInt32) -> Bool {
    var at = 0
    if references != nil { return search(key, hash, &at) != GroupTable.absent }
    let probe = Probe(self)
    at = probe.firstSlot(hash)
    return probe.find(key, hash, &at, isPacked: layout.form == .packed) != GroupTable.absent
  }

  /// Two packed keys are equal exactly if their words are; two views also if the bytes behind them are.
  @inline(__always)
  static func isSame(_ left: StringView, _ right: StringView, isPacked: Bool) -> Bool {
    if left.word0 != right.word0 { return false }
    if left.word1 == right.word1 { return true }
    if isPacked || left.isInline { return false }
    return memcmp(left.address, right.address, left.count) == 0
  }

  /// Makes a group for a key that is not there; `at` is the empty slot that the search ended in.
  @inline(never)
  private func addGroup(_ key: StringView, _ hash: UInt32, _ at: Int, _ rowCount: Int64) -> UInt32 {
    let group = addKey(key)
    var slot = Slot(keys[Int(truncatingIfNeeded: group)], hash, group: group)
    slot.rowCount = rowCount
    slots.fill(at, slot)
    return group
  }

  /// A new group's number, under which its key is kept; no slot leads to it yet.
  @inline(__always)
  func addKey(_ key: StringView) -> UInt32 {
    let group = freeGroups.isEmpty ? appendGroup() : freeGroups.takeLowest() ?? appendGroup()
    keys[group] = stored(key)
    liveCount += 1
    return UInt32(truncatingIfNeeded: group)
  }

  /// The key as the table keeps it, with its bytes in the arena if it is long.
  @inline(__always)
  func stored(_ key: StringView) -> StringView {
    // Nothing replaces the arena meanwhile, so that it need not be held on to for each key.
    isLong(key) ? Unmanaged.passUnretained(arena)._withUnsafeGuaranteedRef { $0.store(key) } : key
  }

  /// Whether a key's bytes do not fit into its 16.
  @inline(__always)
  func isLong(_ key: StringView) -> Bool {
    layout.form != .packed && !key.isInline && key.word0 != GroupKeyLayout.nullWord
  }

  private func appendGroup() -> Int {
    precondition(groupCount < Int(UInt32.max) - 1, "a table holds at most 2^32 - 2 groups")
    if groupCount == keyCapacity { growKeys(to: RawMemory.sizeBeyond(keyCapacity * 16) / 16) }
    groupCount += 1
    return groupCount - 1
  }

  func growKeys(to capacity: Int) {
    if lentKeys == nil {
      keys = RawMemory.grow(keys, capacity: keyCapacity, used: groupCount, to: capacity)
    } else {
      copyKeys(to: capacity)
    }
    keyCapacity = capacity
  }

  /// Makes all keys writable.
  func ownKeys() {
    if lentKeys != nil && !isKnownUniquelyReferenced(&lentKeys) { copyKeys(to: keyCapacity) }
  }

  private func copyKeys(to capacity: Int) {
    let own = RawMemory.allocate(StringView.self, capacity: capacity)
    own.update(from: keys, count: groupCount)
    keys = own
    lentKeys = nil
  }
}
