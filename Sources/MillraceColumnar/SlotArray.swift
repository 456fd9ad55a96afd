import Glibc

/// A place of a hash table that leads to a group. All zeros are an empty one.
protocol GroupSlot: BitwiseCopyable {
  /// An empty slot.
  init()
  var hash: UInt32 { get }
  /// Group + 1; 0 for an empty slot.
  var mark: UInt32 { get }
}

/// The slots of a hash table with open addressing: a key is in the first slot that its hash chooses or in one that follows without an
/// empty one between. The highest hash bits choose, so growing reads and writes memory in order.
struct SlotArray<Slot: GroupSlot> {
  private(set) var base: UnsafeMutablePointer<Slot>
  /// A power of two.
  private(set) var count: Int
  /// Slots that there is memory for; those behind `count` are empty, and take memory once they are used.
  private var capacity: Int
  /// `hash >> shift` is a slot.
  private(set) var shift: UInt32
  /// Slots in use, which stay below `limit`.
  private(set) var used = 0
  private var limit: Int

  /// A few empty slots. `deallocate` gives their memory back.
  init() {
    count = 128
    shift = 32 - 7
    limit = Self.limit(count)
    capacity = Self.capacity(count)
    base = Self.empty(capacity)
  }

  func deallocate() { RawMemory.deallocate(base, capacity: capacity) }

  var memoryBytes: Int { count * MemoryLayout<Slot>.stride }

  /// How many of `count` slots may be in use: five of eight, beyond which searches for absent keys grow long.
  private static func limit(_ count: Int) -> Int { count / 8 * 5 }

  /// From this size on slots double where they are.
  private static var growsInPlaceFrom: Int { 1 << 20 }

  /// How many slots to ask memory for: what is mapped and never touched costs nothing, and what was outgrown would have been touched.
  private static func capacity(_ count: Int) -> Int {
    let stride = MemoryLayout<Slot>.stride
    return count * stride < growsInPlaceFrom ? count : max(count, RawMemory.mappedFrom / stride)
  }

  private static func empty(_ count: Int) -> UnsafeMutablePointer<Slot> {
    RawMemory.allocateScattered(byteCount: count * MemoryLayout<Slot>.stride).bindMemory(to: Slot.self, capacity: count)
  }

  /// `body` for each slot in use, in order.
  @inline(__always)
  func forEach(_ body: (UnsafeMutablePointer<Slot>) -> Void) {
    for index in 0..<count where base[index].mark != 0 { body(base + index) }
  }

  /// Makes room for `wanted` slots in use.
  mutating func reserve(_ wanted: Int) {
    var size = count
    while Self.limit(size) <= wanted { size *= 2 }
    if size > count { grow(to: size) }
  }

  mutating func removeAll() {
    base.update(repeating: Slot(), count: count)
    used = 0
  }

  /// Puts a value into an empty slot, the one in which the search for its key ended.
  @inline(__always)
  mutating func fill(_ at: Int, _ value: Slot) {
    base[at] = value
    used &+= 1
    if used >= limit { grow(to: count * 2) }
  }

  /// Puts a value into the first empty slot from where its hash points.
  mutating func add(_ value: Slot) {
    place(value)
    used += 1
    if used >= limit { grow(to: count * 2) }
  }

  /// Empties the slot of a group that has one.
  mutating func remove(_ group: UInt32, _ hash: UInt32) {
    let mask = count - 1
    var hole = Int(hash >> shift)
    while base[hole].mark != 0 && base[hole].mark != group &+ 1 { hole = (hole + 1) & mask }
    precondition(base[hole].mark != 0, "a group that is unlinked must be linked")
    // Later slots of the run move up unless that would put them in front of their own first slot.
    var at = (hole + 1) & mask
    while base[at].mark != 0 {
      let home = Int(base[at].hash >> shift)
      if (at - home) & mask >= (at - hole) & mask {
        base[hole] = base[at]
        hole = at
      }
      at = (at + 1) & mask
    }
    base[hole] = Slot()
    used -= 1
  }

  /// More slots, a power of two. Old slots in order give new slots in almost the same order.
  private mutating func grow(to size: Int) {
    if size == count * 2 && count * MemoryLayout<Slot>.stride >= Self.growsInPlaceFrom { return double() }
    let old = base
    let oldCount = count
    let oldCapacity = capacity
    shift -= UInt32(truncatingIfNeeded: (size / count).trailingZeroBitCount)
    count = size
    limit = Self.limit(size)
    capacity = Self.capacity(size)
    base = Self.empty(capacity)
    for index in 0..<oldCount where old[index].mark != 0 { place(old[index]) }
    RawMemory.deallocate(old, capacity: oldCapacity)
  }

  /// Twice as many slots in the same memory, so that the system need clear but half of it.
  ///
  /// The upper half of what is left goes to the memory behind it, which is empty, and leaves empty memory for the next. What belongs
  /// elsewhere, since it was pushed over the start or the end of a part, waits until all others have their places.
  private mutating func double() {
    let oldCount = count
    if oldCount == capacity {
      base = RawMemory.grow(base, capacity: capacity, used: oldCount, to: capacity * 2)
      capacity *= 2
    }
    shift -= 1
    count = oldCount * 2
    limit = Self.limit(count)
    var waiting: [Slot] = []
    var end = oldCount
    while end > 0 {
      let start = end > 1024 ? end / 2 : 0
      for index in start..<end where base[index].mark != 0 {
        let slot = base[index]
        var at = Int(truncatingIfNeeded: slot.hash >> shift)
        if start == 0 || at < end {
          waiting.append(slot)
          continue
        }
        while at < count && base[at].mark != 0 { at &+= 1 }
        if at < count { base[at] = slot } else { waiting.append(slot) }
      }
      (base + start).update(repeating: Slot(), count: end - start)
      end = start
    }
    for slot in waiting { place(slot) }
  }

  @inline(__always)
  private func place(_ value: Slot) {
    var at = Int(truncatingIfNeeded: value.hash >> shift)
    while base[at].mark != 0 { at = (at &+ 1) & (count &- 1) }
    base[at] = value
  }
}
