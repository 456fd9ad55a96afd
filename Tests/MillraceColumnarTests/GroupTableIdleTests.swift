import MillraceColumnar
import MillraceTesting
import Testing

/// Tables that gave the memory of their slots back.
@Suite struct GroupTableIdleTests {
  private func texts(_ numbers: Range<Int>, _ prefix: String) -> ColumnVector {
    .of(numbers.map { .string("\(prefix)\($0)") }, type: .string)
  }

  private func longs(_ numbers: [Int]) -> ColumnVector { .of(numbers.map { .integer(Int64($0)) }, type: .long) }

  private func find(_ table: GroupTable, _ column: ColumnVector) -> [UInt32] {
    let out = UnsafeMutablePointer<UInt32>.allocate(capacity: column.count)
    defer { out.deallocate() }
    table.findOrInsert([column], count: column.count, into: out)
    return (0..<column.count).map { out[$0] }
  }

  @Test(arguments: ["", "a text that is too long to be kept inside: "])
  func goesOnWithTheSameGroups(prefix: String) {
    let table = GroupTable(keyTypes: [.string])
    let first = find(table, texts(0..<5000, prefix))
    table.releaseSlots()
    table.releaseSlots()
    #expect(table.groupCount == 5000 && table.liveCount == 5000)
    #expect(find(table, texts(2500..<7500, prefix)) == Array(2500..<7500))
    #expect(first == Array(0..<5000) && table.liveCount == 7500)
    #expect(find(table, texts(0..<7500, prefix)) == Array(0..<7500))
  }

  @Test func needsNoMemoryForItsSlots() {
    let table = GroupTable(keyTypes: [.long])
    _ = find(table, longs(Array(0..<100_000)))
    let before = table.memoryBytes
    table.releaseSlots()
    #expect(table.memoryBytes < before / 2)
    table.reserve(100_000)
    #expect(find(table, longs([99_999, 100_000])) == [99_999, 100_000])
  }

  @Test func leavesOutFreeGroups() {
    let table = GroupTable(keyTypes: [.long])
    _ = find(table, longs([1, 2, 3]))
    table.unlink([1], count: 1)
    table.release([1], count: 1)
    table.releaseSlots()
    #expect(find(table, longs([3, 1, 4])) == [2, 0, 1])
    #expect(table.liveCount == 3)
  }

  @Test func beginsAnewAfterAllGroupsWent() {
    let table = GroupTable(keyTypes: [.long])
    _ = find(table, longs([1, 2]))
    table.releaseSlots()
    table.removeAll()
    #expect(find(table, longs([2])) == [0])
  }
}
