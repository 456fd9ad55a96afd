import MillraceColumnar
import MillraceTesting
import Testing

/// The table against a dictionary of printed keys.
@Suite struct GroupTableTests {
  static let shapes: [[DataType]] = [
    [], [.string], [.binary], [.long], [.integer], [.boolean], [.double], [.float], [.void], [.short, .byte],
    [.timestamp, .integer], [.integer, .integer, .integer], [.long, .long], [.string, .integer], [.string, .string],
    [.decimal(precision: 20, scale: 2)], [.date, .string, .double], [.boolean, .boolean, .byte, .float],
  ]

  /// A random value of few distinct ones, long strings, NULL and odd numbers among them.
  static func value(_ type: DataType, _ random: inout SeededGenerator, distinct: Int) -> Value {
    let number = Int(random.next() % UInt64(distinct))
    if number == 0 { return .null }
    switch type {
    case .void: return .null
    case .boolean: return .boolean(number & 1 == 0)
    case .string, .binary:
      let text = String(repeating: "x", count: number % 40) + String(number)
      return type == .string ? .string(text) : .binary(Array(text.utf8))
    case .double, .float:
      let odd: [Double] = [0.0, -0.0, .nan, -.nan, .infinity, 1.5]
      return .double(number < odd.count ? odd[number] : Double(number))
    case .decimal: return .decimal(Int128(number) << 60)
    case .byte: return .integer(Int64(number % 100) - 50)
    default: return .integer(type.physical == .int64 ? Int64(number) &* 1_000_003_000_000 : Int64(number % 30000) - 9)
    }
  }

  static func columns(_ types: [DataType], rows: Int, distinct: Int, _ random: inout SeededGenerator) -> [ColumnVector]
  {
    var columns: [ColumnVector] = []
    for type in types {
      columns.append(.of((0..<rows).map { _ in value(type, &random, distinct: distinct) }, type: type))
    }
    return columns
  }

  static func name(_ columns: [ColumnVector], _ row: Int) -> String {
    columns.map { column -> String in
      guard case .double(let number) = column.value(row) else { return "\(column.value(row))" }
      return number.isNaN ? "NaN" : "\(number == 0 ? 0 : number)"
    }.joined(separator: "|")
  }

  struct Oracle {
    var groups: [String: UInt32] = [:]
    mutating func group(_ name: String) -> UInt32 {
      let next = UInt32(groups.count)
      return groups[name, default: next].also { groups[name] = $0 }
    }
  }

  /// Numbers of rows, with tables of both forms.
  static func inBothForms(_ counts: [Int]) -> [(rows: Int, savesMemory: Bool)] {
    counts.flatMap { [($0, false), ($0, true)] }
  }

  @Test(arguments: shapes, inBothForms([0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 5000]))
  func numbersKeysInOrderOfAppearance(types: [DataType], size: (rows: Int, savesMemory: Bool)) {
    let rows = size.rows
    var random = SeededGenerator(seed: UInt64(rows) &+ 7)
    let table = GroupTable(keyTypes: types, savesMemory: size.savesMemory)
    var oracle = Oracle()
    for distinct in [3, 3000] {
      let columns = Self.columns(types, rows: rows, distinct: distinct, &random)
      var groups = [UInt32](repeating: 9, count: rows)
      var isNew = [UInt8](repeating: 9, count: rows)
      let before = oracle.groups.count
      table.findOrInsert(columns, count: rows, into: &groups, isNew: &isNew)
      #expect(groups == (0..<rows).map { oracle.group(Self.name(columns, $0)) })
      #expect(isNew.reduce(0) { $0 + Int($1) } == oracle.groups.count - before)
      #expect(table.groupCount == oracle.groups.count && table.liveCount == oracle.groups.count)
    }
    let keys = table.keyColumns()
    #expect((0..<table.groupCount).allSatisfy { oracle.groups[Self.name(keys, $0)] == UInt32($0) })
    let probe = Self.columns(types, rows: rows, distinct: 6000, &random)
    var found = [UInt32](repeating: 9, count: rows)
    table.find(probe, count: rows, into: &found)
    #expect(found == (0..<rows).map { oracle.groups[Self.name(probe, $0)] ?? GroupTable.absent })
    let some = [UInt32](found.filter { $0 != GroupTable.absent }.prefix(70))
    let picked = table.keyColumns(some, count: some.count)
    #expect(some.indices.allSatisfy { oracle.groups[Self.name(picked, $0)] == some[$0] })
  }

  @Test(arguments: shapes)
  func takesConstantColumns(types: [DataType]) {
    var random = SeededGenerator(seed: 5)
    let varying = Self.columns(types, rows: 100, distinct: 50, &random)
    let constants: [ColumnVector] = varying.map { .constant($0.value(7), type: $0.type, count: 100) }
    let half: [ColumnVector] = Array(constants.prefix(1)) + Array(varying.dropFirst())
    for mixed in [constants, half] {
      let table = GroupTable(keyTypes: types)
      var groups = [UInt32](repeating: 9, count: 100)
      table.findOrInsert(mixed, count: 100, into: &groups)
      var oracle = Oracle()
      #expect(groups == (0..<100).map { oracle.group(Self.name(mixed, $0)) })
      var again = [UInt32](repeating: 9, count: 100)
      table.find(mixed, count: 100, into: &again)
      #expect(again == groups)
    }
  }

  /// With many rows at once, most keys are long when the table chooses the form of its slots; with few, it has too few to choose.
  @Test(arguments: [[DataType.long], [.string], [.string, .long]], inBothForms([200, 2000]))
  func removalAgainstModel(types: [DataType], size: (rows: Int, savesMemory: Bool)) {
    let rows = size.rows
    var random = SeededGenerator(seed: 11)
    let table = GroupTable(keyTypes: types, savesMemory: size.savesMemory)
    var model: [String: UInt32] = [:]
    for round in 0..<(rows == 200 ? 60 : 12) {
      let columns = Self.columns(types, rows: rows, distinct: rows * 7 / 2, &random)
      var groups = [UInt32](repeating: 0, count: rows)
      if round % 3 == 2 {
        table.find(columns, count: rows, into: &groups)
        let gone = Array(Set(groups.filter { $0 != GroupTable.absent })).sorted()
        table.unlink(gone, count: gone.count)
        if round % 2 == 0 {
          table.release(gone, count: gone.count)
          model = model.filter { !gone.contains($0.value) }
        } else {
          table.find(columns, count: rows, into: &groups)
          #expect(groups.allSatisfy { $0 == GroupTable.absent })
          table.relink(gone, count: gone.count)
        }
      } else {
        table.findOrInsert(columns, count: rows, into: &groups)
        let taken = Set(model.values)
        for row in 0..<rows {
          let name = Self.name(columns, row)
          if let known = model[name] {
            #expect(groups[row] == known)
          } else {
            #expect(!taken.contains(groups[row]))
            model[name] = groups[row]
          }
        }
      }
      #expect(table.liveCount == model.count)
      #expect((0..<table.groupCount).filter { !table.isFree($0) }.map(UInt32.init) == model.values.sorted())
    }
    // A copy made by number goes on like the original.
    let live = model.values.sorted()
    let copy = GroupTable(keyTypes: types)
    #expect(copy.insert(table.keyColumns(live, count: live.count), count: live.count, at: live))
    #expect(!copy.insert(table.keyColumns(live, count: 1), count: 1, at: live))
    let more = Self.columns(types, rows: 500, distinct: 5000, &random)
    var left = [UInt32](repeating: 0, count: 500), right = left
    table.findOrInsert(more, count: 500, into: &left)
    copy.findOrInsert(more, count: 500, into: &right)
    #expect(left == right)
  }

  /// Two tables that came to their keys in other orders and sizes put each key into the same part, once.
  @Test(arguments: shapes)
  func partitionsByKeyAlone(types: [DataType]) {
    var random = SeededGenerator(seed: 12)
    let columns = Self.columns(types, rows: 3000, distinct: 900, &random)
    var groups = [UInt32](repeating: 0, count: 3000)
    let whole = GroupTable(keyTypes: types)
    whole.reserve(5000)
    whole.findOrInsert(columns, count: 3000, into: &groups)
    let later = GroupTable(keyTypes: types)
    let tail = columns.map { $0.gathered(Selection.range(1000..<3000)) }
    later.findOrInsert(tail, count: 2000, into: &groups)
    var parts: [String: Int] = [:]
    for table in [whole, later] {
      let keys = table.keyColumns()
      let selections = table.partitioned(4)
      #expect(selections.count == 4)
      var seen: Set<Int32> = []
      for (part, selection) in selections.enumerated() {
        let numbers = (0..<selection.count).map { selection.rows[$0] }
        #expect(numbers == numbers.sorted())
        for number in numbers {
          #expect(seen.insert(number).inserted)
          let name = Self.name(keys, Int(number))
          #expect(parts[name] == nil || parts[name] == part)
          parts[name] = part
        }
      }
      #expect(seen.count == table.groupCount)
    }
    let (rowParts, hashes) = whole.partition(columns, count: 3000, into: 4)
    for (part, selection) in rowParts.enumerated() {
      for number in 0..<selection.count {
        #expect(parts[Self.name(columns, Int(selection.rows[number]))] == part)
      }
      let chosen = columns.map { $0.gathered(selection) }
      let tables = [GroupTable(keyTypes: whole.keyTypes), GroupTable(keyTypes: whole.keyTypes)]
      let numbers = zip(tables, [nil, hashes?.gathered(selection)]).map { table, hashes in
        var groups = [UInt32](repeating: 0, count: selection.count)
        table.findOrInsert(chosen, count: selection.count, hashes: hashes, into: &groups)
        return groups
      }
      #expect(numbers[0] == numbers[1])
    }
    #expect(whole.groupCount < 500 || Set(parts.values) == [0, 1, 2, 3])
  }

  /// Columns of keys stay what they were, whatever becomes of the table.
  @Test(arguments: [0, 1, 2, 3])
  func keepsKeysThatItHasGiven(change: Int) {
    let table = GroupTable(keyTypes: [.string])
    var groups = [UInt32](repeating: 0, count: 20_000)
    func key(_ number: Int) -> Value {
      .string(number % 2 == 0 ? "key \(number)" : "a key that is longer \(number)")
    }
    func column(_ numbers: Range<Int>) -> ColumnVector { .of(numbers.map(key), type: .string) }
    let first = column(0..<20_000)
    table.findOrInsert([first], count: 20_000, into: &groups)
    let given = table.keyColumns()[0], again = table.keyColumns()[0]
    switch change {
    case 0:
      for start in stride(from: 20_000, to: 400_000, by: 20_000) {
        table.findOrInsert([column(start..<start + 20_000)], count: 20_000, into: &groups)
      }
    case 1:
      let gone = (0..<20_000 as Range<UInt32>).filter { $0 % 3 > 0 }
      table.unlink(gone, count: gone.count)
      table.release(gone, count: gone.count)
      table.findOrInsert([column(50_000..<70_000)], count: 20_000, into: &groups)
    case 2:
      table.removeAll()
      table.findOrInsert([column(50_000..<70_000)], count: 20_000, into: &groups)
      let new = table.keyColumns()[0]
      #expect((0..<20_000).allSatisfy { new.value($0) == key(50_000 + $0) })
    default: break
    }
    for given in [given, again] {
      #expect(given.count == 20_000)
      #expect((0..<20_000).allSatisfy { given.value($0) == first.value($0) })
    }
    withExtendedLifetime(table) {}
  }

  /// So many groups that the table grows within its memory, with hashes that push keys over the borders of the parts that move.
  @Test func keepsAllGroupsWhereItDoubles() {
    let table = GroupTable(keyTypes: [.long])
    let step = 10_000
    var groups = [UInt32](repeating: 0, count: step)
    var keys: [ColumnVector] = []
    for round in 0..<40 {
      let numbers = (0..<step).map { Value.integer(Int64(round * step + $0)) }
      let column = ColumnVector.of(numbers, type: .long)
      keys.append(column)
      table.findOrInsert([column], count: step, into: &groups)
      #expect(groups == (0..<step).map { UInt32(round * step + $0) })
    }
    for (round, column) in keys.enumerated() {
      table.find([column], count: step, into: &groups)
      #expect(groups == (0..<step).map { UInt32(round * step + $0) })
    }
  }

  @Test func memoryStaysBoundedWhenKeysComeAndGo() {
    let table = GroupTable(keyTypes: [.string])
    var peak = 0
    for round in 0..<200 {
      let keys = ColumnVector.of((0..<100).map { .string("a key that is long enough \(round) \($0)") }, type: .string)
      var groups = [UInt32](repeating: 0, count: 100)
      table.findOrInsert([keys], count: 100, into: &groups)
      table.unlink(groups, count: 99)
      table.release(groups, count: 99)
      if round == 20 { peak = table.memoryBytes }
    }
    #expect(table.liveCount == 200 && table.groupCount < 310)
    #expect(table.memoryBytes < peak + 200_000)
  }

  /// Rows of constant keys are counted as those of others are, whether the table is larger than the batch or not.
  @Test(arguments: [2, 63, 1000, 5000])
  func countsRowsOfConstantKeys(count: Int) {
    let table = GroupTable(keyTypes: [.string])
    var groups = [UInt32](repeating: 9, count: count)
    for text in ["a", "b", "a", "a key that is long enough"] {
      let key = ColumnVector.constant(.string(text), type: .string, count: count)
      table.findOrInsert([key], count: count, into: &groups, counting: .besideGroups)
      #expect(Set(groups).count == 1)
    }
    let all = GroupTable(keyTypes: [])
    all.findOrInsert([], count: count, into: &groups, counting: .besideGroups)
    all.findOrInsert([], count: count, into: &groups, counting: .besideGroups)
    var counts: [Int64] = [0, 0, 0]
    table.takeRowCounts(addingTo: &counts)
    #expect(counts == [2, 1, 1].map { Int64(count * $0) })
    var total: [Int64] = [0]
    all.takeRowCounts(addingTo: &total)
    #expect(total == [Int64(count * 2)])
  }

  /// Keys that are all zeros among others, as the keys of empty slots are: an empty text, and 0.
  @Test(arguments: [DataType.string, .long], [1, 3, 40, 3000])
  func countsRowsWithoutTheirGroups(type: DataType, keyCount: Int) {
    var random = SeededGenerator(seed: UInt64(keyCount))
    func value(_ key: Int) -> Value {
      type == .long
        ? .integer(Int64(key)) : .string(String(repeating: "k", count: key % 13) + (key < 13 ? "" : "\(key)"))
    }
    let alone = GroupTable(keyTypes: [type])
    let beside = GroupTable(keyTypes: [type])
    var expected: [Int: Int64] = [:]
    for batch in 0..<20 {
      // The first ones have no zeros.
      let keys = (0..<5000).map { _ in Int.random(in: 0..<keyCount, using: &random) + (batch < 5 ? 1 : 0) }
      let column = ColumnVector.of(keys.map(value), type: type)
      var groups = [UInt32](repeating: 0, count: keys.count)
      #expect(alone.findOrInsert([column], count: keys.count, into: &groups, counting: .alone))
      #expect(beside.findOrInsert([column], count: keys.count, into: &groups, counting: .besideGroups))
      for key in keys { expected[key, default: 0] += 1 }
    }
    #expect(alone.groupCount == expected.count && beside.groupCount == expected.count)
    var counts = [Int64](repeating: 0, count: expected.count)
    alone.takeRowCounts(addingTo: &counts)
    var others = [Int64](repeating: 0, count: expected.count)
    beside.takeRowCounts(addingTo: &others)
    #expect(counts == others)
    let known = expected.keys.sorted()
    var groups = [UInt32](repeating: 0, count: known.count)
    alone.find([.of(known.map(value), type: type)], count: known.count, into: &groups)
    #expect(known.indices.allSatisfy { counts[Int(groups[$0])] == expected[known[$0]] })
  }

  /// Slots that only refer to groups count nothing, and slots that have counted stay as they are.
  @Test func countsRowsWhereSlotsHoldKeys() {
    func keys(_ range: Range<Int>) -> ColumnVector {
      .of(range.map { .string("a key that is long enough \($0)") }, type: .string)
    }
    var groups = [UInt32](repeating: 9, count: 3000)
    let atOnce = GroupTable(keyTypes: [.string])
    let isCounted = atOnce.findOrInsert([keys(0..<3000)], count: 3000, into: &groups, counting: .besideGroups)
    #expect(!isCounted)
    var counts = [Int64](repeating: 0, count: 3000)
    atOnce.takeRowCounts(addingTo: &counts)
    #expect(counts.allSatisfy { $0 == 0 })
    let byAndBy = GroupTable(keyTypes: [.string])
    for start in stride(from: 0, to: 3000, by: 100) {
      let isCounted = byAndBy.findOrInsert(
        [keys(start..<start + 100)], count: 100, into: &groups, counting: .besideGroups)
      #expect(isCounted)
    }
    byAndBy.takeRowCounts(addingTo: &counts)
    #expect(counts.allSatisfy { $0 == 1 })
    #expect(atOnce.memoryBytes < byAndBy.memoryBytes * 2 / 3)
  }

  @Test func forgetsAll() {
    let table = GroupTable(keyTypes: [.string])
    var groups: [UInt32] = [7, 7]
    table.findOrInsert([.of([.string("a"), .string("b")], type: .string)], count: 2, into: &groups)
    table.removeAll()
    table.findOrInsert([.of([.string("b"), .string("c")], type: .string)], count: 2, into: &groups)
    #expect(groups == [0, 1] && table.groupCount == 2)
  }
}

extension UInt32 {
  fileprivate func also(_ body: (UInt32) -> Void) -> UInt32 {
    body(self)
    return self
  }
}
