import MillraceColumnar

/// Hash tables over keys of several kinds, and the hash itself.
enum GroupBenchmarks {
  private static let rows = 65_536

  static func all() -> [MicroBenchmark] {
    let few = Samples.longs(rows, distinct: 60)
    let many = Samples.longs(rows, distinct: 1 << 40)
    let words = Samples.strings(rows, distinct: 4000, Samples.word)
    let agents = Samples.strings(rows, distinct: 4000, Samples.agent)
    let status = Samples.longs(rows, distinct: 9, nullEvery: 10)
    return [
      finding("group/few integers", [few]),
      finding("group/many integers", [many]),
      inserting("group/many integers, all new", [many]),
      finding("group/short strings", [words]),
      finding("group/long strings", [agents]),
      inserting("group/long strings, all new", [Samples.strings(rows, distinct: 1 << 40, Samples.agent)]),
      finding("group/string and integer with nulls", [words, status]),
      hashing("strings/hash, short", words), hashing("strings/hash, long", agents),
      comparing("strings/compare, short", words), comparing("strings/compare, long", agents),
    ]
  }

  /// All keys are in the table already.
  private static func finding(_ name: String, _ keys: [ColumnVector]) -> MicroBenchmark {
    let table = GroupTable(keyTypes: keys.map(\.type))
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: rows)
    table.findOrInsert(keys, count: rows, into: groups)
    return MicroBenchmark(name, rows: rows) {
      table.findOrInsert(keys, count: rows, into: groups)
      consume(groups)
    }
  }

  /// A new table each time, which grows.
  private static func inserting(_ name: String, _ keys: [ColumnVector]) -> MicroBenchmark {
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: rows)
    return MicroBenchmark(name, rows: rows) {
      let table = GroupTable(keyTypes: keys.map(\.type))
      table.findOrInsert(keys, count: rows, into: groups)
      consume(table)
    }
  }

  private static func hashing(_ name: String, _ strings: ColumnVector) -> MicroBenchmark {
    MicroBenchmark(name, rows: rows) {
      var sum: UInt64 = 0
      let views = strings.views
      for row in 0..<rows { sum &+= ByteHash.hash(views[row]) }
      consume(sum)
    }
  }

  /// Each string with the one before it.
  private static func comparing(_ name: String, _ strings: ColumnVector) -> MicroBenchmark {
    MicroBenchmark(name, rows: rows) {
      var sum = 0
      let views = strings.views
      for row in 1..<rows {
        sum &+= StringView.compare(views[row - 1], views[row]) &+ (views[row - 1] == views[row] ? 1 : 0)
      }
      consume(sum)
    }
  }
}
