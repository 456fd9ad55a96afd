import MillraceColumnar

/// Where the kept rows of one side of a stream-stream join are: by key, to find partners, and by time, to find what can go.
/// The rows themselves lie in the side's store under their numbers.
///
/// A row has a slot in arrays of numbers. The slots of a key are a list in the order of the rows' numbers, which ascend as
/// rows come; so what a lookup gives does not depend on which slots rows have, and a restored index goes on like the one that
/// was lost. Nothing here takes longer the more rows are kept.
struct JoinIndex: ~Copyable {
  private enum Mark {
    static let live: UInt8 = 1
    static let matched: UInt8 = 2
  }

  static let none: Int32 = -1

  private let keyTypes: [DataType]
  private var table: GroupTable
  /// First and last slot by group of `table`.
  private var heads = RawArray<Int32>()
  private var tails = RawArray<Int32>()
  // By slot:
  private var numbers = RawArray<Int64>()
  private var expiries = RawArray<Int64>()
  private var marks = RawArray<UInt8>()
  /// The key's group; `GroupTable.absent` for a key that equals none.
  private var groups = RawArray<UInt32>()
  private var previous = RawArray<Int32>()
  /// The next slot of the key, or of the list of free slots.
  private var next = RawArray<Int32>()
  private var firstFree = JoinIndex.none
  /// Slots by expiry. Those of rows that went earlier stay until their time comes.
  private var queue = TimeQueue()
  private var found = RawArray<UInt32>()
  /// Rows kept.
  private(set) var count = 0

  init(keyTypes: [DataType]) {
    self.keyTypes = keyTypes
    table = GroupTable(keyTypes: keyTypes)
  }

  /// Slots that exist, in use or not.
  var slotCount: Int { numbers.count }

  var memoryBytes: Int {
    table.memoryBytes + heads.byteCount + tails.byteCount + numbers.byteCount + expiries.byteCount + marks.byteCount
      + groups.byteCount + previous.byteCount + next.byteCount + queue.byteCount
  }

  func number(_ slot: Int32) -> Int64 { numbers[Int(slot)] }
  func isLive(_ slot: Int32) -> Bool { marks[Int(slot)] & Mark.live != 0 }
  func isMatched(_ slot: Int32) -> Bool { marks[Int(slot)] & Mark.matched != 0 }
  func setMatched(_ slot: Int32) { marks[Int(slot)] |= Mark.matched }

  /// A row's place in the index.
  struct Entry {
    var number: Int64
    /// `Int64.max`: it stays for ever.
    var expiry: Int64
    var isMatched: Bool
  }

  /// Adds rows with ascending numbers, all above those that are there. `matchable` names the rows whose key can equal another.
  mutating func insert(
    _ keys: [ColumnVector], count: Int, matchable: Selection?, entry: (_ row: Int) -> Entry
  ) {
    if count == 0 { return }
    found.extend(to: count, with: GroupTable.absent)
    if let matchable {
      let some = keys.map { $0.gathered(matchable) }
      table.findOrInsert(some, count: matchable.count, into: found.base)
      // From the end, since a group moves to a row at or behind its own.
      var source = matchable.count
      for row in (0..<count).reversed() {
        if source > 0, matchable.rows[source - 1] == row {
          source -= 1
          found[row] = found[source]
        } else {
          found[row] = GroupTable.absent
        }
      }
    } else {
      table.findOrInsert(keys, count: count, into: found.base)
    }
    heads.extend(to: table.groupCount, with: Self.none)
    tails.extend(to: table.groupCount, with: Self.none)
    for row in 0..<count { insert(entry(row), group: found[row]) }
    self.count += count
  }

  private mutating func insert(_ entry: Entry, group: UInt32) {
    let slot = takeSlot()
    let at = Int(slot)
    numbers[at] = entry.number
    expiries[at] = entry.expiry
    marks[at] = Mark.live | (entry.isMatched ? Mark.matched : 0)
    groups[at] = group
    previous[at] = Self.none
    next[at] = Self.none
    if entry.expiry != .max { queue.insert(entry.expiry, slot) }
    if group == GroupTable.absent { return }
    let last = tails[Int(group)]
    previous[at] = last
    if last == Self.none { heads[Int(group)] = slot } else { next[Int(last)] = slot }
    tails[Int(group)] = slot
  }

  private mutating func takeSlot() -> Int32 {
    if firstFree != Self.none {
      defer { firstFree = next[Int(firstFree)] }
      return firstFree
    }
    numbers.append(0)
    expiries.append(0)
    marks.append(0)
    groups.append(0)
    previous.append(0)
    next.append(0)
    return Int32(truncatingIfNeeded: numbers.count - 1)
  }

  /// How far a lookup of many rows has come.
  struct Lookup: ~Copyable {
    fileprivate var groups = RawArray<UInt32>()
    fileprivate var rows: Selection?
    fileprivate var index = 0
    /// The next slot of the current row; nil before its first.
    fileprivate var slot: Int32?
    fileprivate var count = 0

    init() {}
  }

  /// Begins to look up rows.
  func begin(_ lookup: inout Lookup, _ keys: [ColumnVector], count: Int, matchable: Selection?) {
    lookup.index = 0
    lookup.slot = nil
    lookup.rows = matchable
    lookup.count = self.count == 0 ? 0 : matchable?.count ?? count
    if lookup.count == 0 { return }
    lookup.groups.extend(to: lookup.count, with: GroupTable.absent)
    let wanted = matchable.map { rows in keys.map { $0.gathered(rows) } } ?? keys
    table.find(wanted, count: lookup.count, into: lookup.groups.base)
  }

  /// Puts the next pairs of a row and a slot with an equal key into `rows` and `slots`, `limit` at most: by row, then by
  /// number. Gives how many there were, fewer than the limit only at the end.
  func next(
    _ lookup: inout Lookup, limit: Int, rows: inout RawArray<Int32>, slots: inout RawArray<Int32>
  ) -> Int {
    rows.truncate(to: 0)
    slots.truncate(to: 0)
    while lookup.index < lookup.count {
      let group = lookup.groups[lookup.index]
      var slot = lookup.slot ?? (group == GroupTable.absent ? Self.none : heads[Int(group)])
      let row = lookup.rows?.rows[lookup.index] ?? Int32(truncatingIfNeeded: lookup.index)
      while slot != Self.none {
        if rows.count == limit {
          lookup.slot = slot
          return limit
        }
        rows.append(row)
        slots.append(slot)
        slot = next[Int(slot)]
      }
      lookup.slot = nil
      lookup.index += 1
    }
    return rows.count
  }

  /// The slots whose rows can go at `time`, by number. They are to be removed next.
  mutating func takeExpired(_ time: Int64) -> [Int32] {
    var slots: [Int32] = []
    while let entry = queue.take(upTo: time) {
      let at = Int(entry.number)
      // An entry can be left over from a row that went earlier, or come twice when the next row there has the same time.
      guard marks[at] & Mark.live != 0, expiries[at] == entry.time else { continue }
      marks[at] &= ~Mark.live
      slots.append(entry.number)
    }
    let numbers = numbers.base
    slots.sort { numbers[Int($0)] < numbers[Int($1)] }
    return slots
  }

  /// The slots of all rows without a partner and those in `slots`, by number. They are to be removed next.
  mutating func takeUnmatched(after slots: [Int32]) -> [Int32] {
    var result = slots
    for slot in 0..<Int32(truncatingIfNeeded: slotCount) where marks[Int(slot)] == Mark.live {
      marks[Int(slot)] = 0
      result.append(slot)
    }
    let numbers = numbers.base
    return result.sorted { numbers[Int($0)] < numbers[Int($1)] }
  }

  /// Forgets rows.
  mutating func remove(_ slots: [Int32]) {
    for slot in slots {
      let at = Int(slot)
      let group = groups[at]
      if group != GroupTable.absent { unlink(at, group) }
      marks[at] = 0
      next[at] = firstFree
      firstFree = slot
    }
    count -= slots.count
    if numbers.count > 4096 && count < numbers.count / 4 { compact() }
  }

  private mutating func unlink(_ at: Int, _ group: UInt32) {
    let before = previous[at], after = next[at]
    if before == Self.none { heads[Int(group)] = after } else { next[Int(before)] = after }
    if after == Self.none { tails[Int(group)] = before } else { previous[Int(after)] = before }
    if before != Self.none || after != Self.none { return }
    withUnsafePointer(to: group) { pointer in
      table.unlink(pointer, count: 1)
      table.release(pointer, count: 1)
    }
  }

  /// Moves what is left into less memory.
  private mutating func compact() {
    let order = (0..<numbers.count).filter { marks[$0] & Mark.live != 0 }.sorted { numbers[$0] < numbers[$1] }
    var fresh = JoinIndex(keyTypes: keyTypes)
    let keyed = order.filter { groups[$0] != GroupTable.absent }
    let positions = Selection(order.indices.filter { groups[order[$0]] != GroupTable.absent })
    let rows = keyed.map { groups[$0] }
    // Keys of the rows that have none are of no use, whatever they are.
    let some = table.keyColumns(rows, count: rows.count)
    var places = [Int32](repeating: -1, count: order.count)
    for index in 0..<positions.count { places[Int(positions.rows[index])] = Int32(truncatingIfNeeded: index) }
    fresh.insert(some.map { $0.gatheredOrNull(places, count: order.count) }, count: order.count, matchable: positions) {
      row in
      let slot = order[row]
      return Entry(number: numbers[slot], expiry: expiries[slot], isMatched: marks[slot] & Mark.matched != 0)
    }
    self = fresh
  }
}
