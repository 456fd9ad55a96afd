import MillraceColumnar

extension BoundAggregate {
  /// The same aggregate over the distinct values of its arguments in each group. State: the set of values, one BINARY column.
  public func distinct() -> BoundAggregate {
    let inner = self
    let types = arguments.map(\.type)
    return BoundAggregate(
      name, arguments: arguments, type: type, isNullable: isNullable, stateTypes: [.binary],
      isOrderSensitive: isOrderSensitive
    ) { DistinctAccumulator(inner.makeAccumulator(), types) }
  }
}

/// Feeds another aggregate only rows whose arguments are new in their group.
final class DistinctAccumulator: Accumulator {
  private let inner: any Accumulator
  private let codec: RowCodec
  private let seen = GroupedSet()

  init(_ inner: any Accumulator, _ types: [DataType]) {
    self.inner = inner
    codec = RowCodec(types)
  }

  func reserve(groupCount: Int) { inner.reserve(groupCount: groupCount) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    let encoded = codec.encode(arguments, rowCount: rowCount)
    let fresh = Selection(capacity: rowCount)
    let freshGroups = GroupArray<UInt32>(0)
    freshGroups.reserve(rowCount)
    var count = 0
    for row in 0..<rowCount where seen.insert(encoded.views[row], group: groups[row]) {
      fresh.rows[count] = Int32(truncatingIfNeeded: row)
      freshGroups.base[count] = groups[row]
      count += 1
    }
    if count == 0 { return }
    let selection = fresh.truncated(to: count)
    try inner.update(groups: freshGroups.base, rowCount: count, arguments: arguments.map { $0.gathered(selection) })
    withExtendedLifetime(encoded) {}
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let builders = codec.types.map { ColumnBuilder($0) }
    let freshGroups = GroupArray<UInt32>(0)
    var count = 0
    var failure: (any Error)?
    try PackedLists.unpack(states[0]) { row, view in
      guard failure == nil, self.seen.insert(view, group: groups[row]) else { return }
      freshGroups.reserve(count + 1)
      freshGroups.base[count] = groups[row]
      count += 1
      do { try view.withBytes { try self.codec.decode($0, into: builders) } } catch { failure = error }
    }
    if let failure { throw failure }
    if count == 0 { return }
    try inner.update(groups: freshGroups.base, rowCount: count, arguments: builders.map { $0.finish() })
  }

  func states(groupCount: Int) -> [ColumnVector] { [PackedLists.pack(groupCount, seen.forEach)] }

  func finish(groupCount: Int) throws -> ColumnVector { try inner.finish(groupCount: groupCount) }
}
