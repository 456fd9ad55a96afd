import Glibc
import MillraceColumnar

/// Keeps all rows of each group and computes the result from them at the end: `collect_list`, `percentile`, `mode` and so on.
/// State: one BINARY column with a version and the rows of the group, in the order in which they came.
final class CollectingAccumulator: Accumulator {
  /// The rows of all groups, group by group.
  struct Grouped {
    /// The kept columns; the rows of a group are neighbours and in order of arrival.
    let columns: [ColumnVector]
    /// Where the rows of each group lie.
    let lists: [ListView]
  }

  typealias Finish = @Sendable (_ grouped: Grouped) throws -> ColumnVector

  private let types: [DataType]
  private let keepsNulls: Bool
  private let makeResult: Finish
  private let stateCodec: RowCodec
  /// Kept columns of each batch, and the group of each row.
  private var parts: [(columns: [ColumnVector], groups: [UInt32])] = []

  /// Rows in which one of the first columns is NULL are left out, unless `keepsNulls`.
  init(_ types: [DataType], keepsNulls: Bool = false, finish: @escaping Finish) {
    self.types = types
    self.keepsNulls = keepsNulls
    makeResult = finish
    stateCodec = RowCodec([.byte] + types.map { .array($0) }, isCanonical: false)
  }

  func reserve(groupCount: Int) {}

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let columns = Array(arguments.prefix(types.count))
    var kept = columns
    var keptGroups = Array(UnsafeBufferPointer(start: groups, count: rowCount))
    if !keepsNulls, let present = Rows.present(columns, rowCount) {
      let rows = (0..<rowCount).filter { present[$0] }
      let selection = Selection(rows)
      kept = columns.map { $0.gathered(selection) }
      keptGroups = rows.map { groups[$0] }
    }
    if keptGroups.isEmpty { return }
    parts.append((kept.map { $0.flattened().detached() }, keptGroups))
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let columns = try stateCodec.decode(states[0])
    let versions = columns[0].values(as: UInt8.self)
    let lists = columns[1].values(as: ListView.self)
    var owners: [UInt32] = []
    for row in 0..<rowCount where !columns[0].isNull(row) {
      guard versions[row] == RowCodec.version else {
        throw MillraceError("STATE_ROW_DAMAGED", "an aggregate's state has version \(versions[row])", fault: .external)
      }
      for _ in lists[row].range { owners.append(groups[row]) }
    }
    if !owners.isEmpty { parts.append((columns.dropFirst().map { $0.children[0] }, owners)) }
    withExtendedLifetime(columns) {}
  }

  /// Brings all rows together, sorted by group without changing their order within one.
  private func grouped(_ groupCount: Int) -> Grouped {
    if parts.isEmpty {
      return Grouped(
        columns: types.map { .nulls($0, count: 0).flattened() },
        lists: .init(repeating: ListView(offset: 0, length: 0), count: groupCount))
    }
    if parts.count > 1 {
      let columns = types.indices.map { index in ColumnVector.concatenated(parts.map { $0.columns[index] }) }
      parts = [(columns, parts.flatMap(\.groups))]
    }
    let groups = parts[0].groups
    var lists = [ListView](repeating: ListView(offset: 0, length: 0), count: groupCount)
    for group in groups where Int(group) < groupCount { lists[Int(group)].length += 1 }
    var offset: Int32 = 0
    var next = [Int](repeating: 0, count: groupCount)
    for group in 0..<groupCount {
      lists[group].offset = offset
      next[group] = Int(offset)
      offset += lists[group].length
    }
    let order = Selection(capacity: Int(offset))
    for (row, group) in groups.enumerated() where Int(group) < groupCount {
      order.rows[next[Int(group)]] = Int32(truncatingIfNeeded: row)
      next[Int(group)] += 1
    }
    return Grouped(columns: parts[0].columns.map { $0.gathered(order) }, lists: lists)
  }

  func states(groupCount: Int) -> [ColumnVector] {
    let rows = grouped(groupCount)
    let version = ColumnVector.constant(.integer(Int64(RowCodec.version)), type: .byte, count: groupCount)
    let lists = rows.columns.map { ListColumn.make(.array($0.type), rows.lists, [$0]) }
    return [stateCodec.encode([version] + lists, rowCount: groupCount)]
  }

  func finish(groupCount: Int) throws -> ColumnVector { try makeResult(grouped(groupCount)) }
}

/// Array and map vectors from their parts.
enum ListColumn {
  /// A vector of lists over children.
  static func make(
    _ type: DataType, _ lists: [ListView], _ children: [ColumnVector], validity: Bitmap? = nil
  ) -> ColumnVector {
    let buffer = lists.withUnsafeBytes { MemoryBuffer(copying: $0) }
    return ColumnVector(type: type, count: lists.count, values: buffer, validity: validity, children: children)
  }
}
