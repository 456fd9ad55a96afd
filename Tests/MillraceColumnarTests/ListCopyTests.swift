import MillraceColumnar
import Testing

/// Rows that were gathered share the lists of all rows they came from; a copy of theirs must hold no more than it shows.
@Suite struct ListCopyTests {
  private static let wide = "a text beyond twelve bytes"
  /// A list, its elements twice as many as the rows, and a map and a list of lists beside it.
  private static let columns: [ColumnVector] = [
    .of((0..<1000).map { .array([.integer($0), .null]) }, type: .array(.integer)),
    .of((0..<1000).map { $0 % 3 == 0 ? .null : .array([.string("\(wide) \($0)")]) }, type: .array(.string)),
    .of(
      (0..<1000).map { .map([.init(.string("k\($0)"), .array([.integer($0), .integer(1)]))]) },
      type: .map(.string, .array(.integer))),
    .of((0..<1000).map { .array([.array([.integer($0)]), .array([]), .null]) }, type: .array(.array(.integer))),
    .of(
      (0..<1000).map { .structure([.array([.integer($0)])]) }, type: .structure([StructField("x", .array(.integer))])),
  ]

  /// Elements that a vector keeps, those of its elements included.
  private static func kept(_ column: ColumnVector) -> Int {
    column.children.reduce(0) { $0 + $1.count + kept($1) }
  }

  @Test(arguments: columns.indices)
  func keepsOnlyWhatRowsName(index: Int) {
    let column = Self.columns[index], rows = [999, 3, 4, 3, 500]
    let some = column.gathered(Selection(rows))
    let copy = some.detached()
    #expect((0..<rows.count).map { copy.value($0) } == rows.map { column.value($0) })
    #expect(Self.kept(copy) < 100)
    let joined = ColumnVector.concatenated([some, some, column.gathered(Selection([7]))])
    #expect((0..<joined.count).map { joined.value($0) } == (rows + rows + [7]).map { column.value($0) })
    #expect(Self.kept(joined) < 200)
  }

  @Test(arguments: columns.indices)
  func keepsConstantsAndAllRows(index: Int) {
    let column = Self.columns[index]
    let constant = column.gathered(Selection([5, 6])).constantOrFirst(count: 3).detached()
    #expect((0..<3).map { constant.value($0) } == [Value](repeating: column.value(5), count: 3))
    #expect(Self.kept(constant) < 100)
    let all = column.detached()
    #expect((0..<1000).allSatisfy { all.value($0) == column.value($0) })
    #expect(column.gathered(Selection([])).detached().count == 0)
  }
}
