import MillraceColumnar
import MillraceTesting
import Testing

@testable import MillraceExecution

/// The index of a stream-stream join's kept rows against arrays, so many that it moves into less memory now and then.
struct JoinIndexTests {
  private struct Row {
    var number: Int64
    var key: Int64?
    var expiry: Int64
    var isMatched = false
  }

  private static func column(_ rows: [Int64?]) -> ColumnVector { .of(rows.map { .of($0) }, type: .long) }

  private static func matchable(_ keys: [Int64?]) -> Selection? {
    keys.contains(nil) ? Selection(keys.indices.filter { keys[$0] != nil }) : nil
  }

  /// The numbers of the rows that each key finds.
  private static func find(_ keys: [Int64?], _ index: borrowing JoinIndex, limit: Int) -> [[Int64]] {
    var found = keys.map { _ in [Int64]() }
    var lookup = JoinIndex.Lookup()
    var rows = RawArray<Int32>(), slots = RawArray<Int32>()
    index.begin(&lookup, [column(keys)], count: keys.count, matchable: matchable(keys))
    while index.next(&lookup, limit: limit, rows: &rows, slots: &slots) > 0 {
      for pair in 0..<rows.count { found[Int(rows[pair])].append(index.number(slots[pair])) }
    }
    return found
  }

  @Test(arguments: [(seed: 1, size: 40), (seed: 2, size: 40), (seed: 3, size: 3000), (seed: 4, size: 6000)])
  func followsAModel(seed: UInt64, size: Int) {
    var random = SeededGenerator(seed: seed)
    var index = JoinIndex(keyTypes: [.long])
    var kept: [Row] = []
    var next: Int64 = 0
    for time in stride(from: Int64(0), to: 400, by: 10) {
      let fresh = (0..<Int.random(in: 0...size, using: &random)).map { _ -> Row in
        next += 1
        return Row(
          number: next,
          key: Int.random(in: 0..<9, using: &random) == 0 ? nil : Int64.random(in: 0..<Int64(size), using: &random),
          expiry: Int.random(in: 0..<50, using: &random) == 0 ? .max : time + Int64.random(in: 1...60, using: &random))
      }
      let keys = fresh.map(\.key)
      index.insert([Self.column(keys)], count: fresh.count, matchable: Self.matchable(keys)) { row in
        JoinIndex.Entry(number: fresh[row].number, expiry: fresh[row].expiry, isMatched: false)
      }
      kept += fresh
      let wanted = (0..<50).map { $0 % 7 == 0 ? nil : Int64.random(in: 0..<Int64(size), using: &random) }
      let partners = wanted.map { key in kept.filter { key != nil && $0.key == key }.map(\.number) }
      #expect(Self.find(wanted, index, limit: 1 + Int(time) % 13) == partners)
      let due = index.takeExpired(time)
      let gone = Set(kept.filter { $0.expiry <= time }.map(\.number))
      #expect(due.map { index.number($0) } == gone.sorted())
      index.remove(due)
      kept.removeAll { gone.contains($0.number) }
      #expect(index.count == kept.count)
      #expect(
        Self.find(wanted, index, limit: 5)
          == wanted.map { key in kept.filter { key != nil && $0.key == key }.map(\.number) })
      if time % 100 == 90 {
        // A quiet time, after which few rows are left.
        let due = index.takeExpired(time + 60)
        index.remove(due)
        kept.removeAll { $0.expiry <= time + 60 }
        #expect(index.count == kept.count)
        #expect(index.slotCount <= max(4096, kept.count * 4))
      }
    }
  }
}
