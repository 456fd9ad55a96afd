import MillraceColumnar

/// `min` and `max` of numbers, dates and other fixed-width values. State: the value, NULL while there is none.
final class FixedExtremeAccumulator: SelectiveAccumulator {
  private let store: GroupValues
  private let isMaximum: Bool

  init(_ type: DataType, isMaximum: Bool) {
    store = GroupValues(type)
    self.isMaximum = isMaximum
  }

  func reserve(groupCount: Int) { store.reserve(groupCount) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let vector = arguments[0]
    switch store.type.physical {
    case .bool: ordered(vector, UInt8.self, groups, rowCount)
    case .int8: ordered(vector, Int8.self, groups, rowCount)
    case .int16: ordered(vector, Int16.self, groups, rowCount)
    case .int32: ordered(vector, Int32.self, groups, rowCount)
    case .int64: ordered(vector, Int64.self, groups, rowCount)
    case .int128: ordered(vector, Int128.self, groups, rowCount)
    case .float: floating(vector, Float.self, groups, rowCount)
    case .double: floating(vector, Double.self, groups, rowCount)
    default: break
    }
  }

  @inline(__always)
  private func ordered<T: Comparable>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) {
    let best = store.slots.assumingMemoryBound(to: T.self)
    let states = store.states
    // Whether a value is the best so far cannot be guessed, so one is stored in any case.
    if isMaximum {
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        let held = states[group] == GroupValues.State.unset ? value : best[group]
        best[group] = value > held ? value : held
        states[group] = GroupValues.State.value
      }
    } else {
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        let held = states[group] == GroupValues.State.unset ? value : best[group]
        best[group] = value < held ? value : held
        states[group] = GroupValues.State.value
      }
    }
  }

  /// NaN is greater than every other number.
  @inline(__always)
  private func floating<T: BinaryFloatingPoint>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) {
    let best = store.slots.assumingMemoryBound(to: T.self)
    let states = store.states
    if isMaximum {
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        if states[group] == GroupValues.State.unset || value > best[group] || value != value { best[group] = value }
        states[group] = GroupValues.State.value
      }
    } else {
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        if states[group] == GroupValues.State.unset || value < best[group] || best[group] != best[group] {
          best[group] = value
        }
        states[group] = GroupValues.State.value
      }
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    update(groups: groups, rowCount: rowCount, arguments: states)
  }

  func states(groupCount: Int) -> [ColumnVector] { [store.stored(groupCount)] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [store.stored(of: groups, count: count)]
  }

  func finish(groupCount: Int) -> ColumnVector { store.stored(groupCount) }
}

/// `min` and `max` of strings and nested values, and `min_by` and `max_by` of anything: the row with the extreme key wins.
/// State: the key, and for the `_by` forms the value and whether there is one.
final class OrderedPickAccumulator: SelectiveAccumulator {
  private let keys: GroupValues
  private let values: GroupValues?
  private let winners = Winners()
  private let isMaximum: Bool
  /// Where a later row with an equal key wins, as Spark's `max_by` and `min_by` have it.
  private var takesEqual: Bool { values != nil }

  /// `value` is nil for `min` and `max`.
  init(key: DataType, value: DataType?, isMaximum: Bool) {
    keys = GroupValues(key)
    values = value.map { GroupValues($0) }
    self.isMaximum = isMaximum
  }

  func reserve(groupCount: Int) {
    keys.reserve(groupCount)
    values?.reserve(groupCount)
    winners.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    let key = arguments[arguments.count - 1]
    if key.type == .void { return }
    if key.type.physical == .view {
      pickStrings(key, groups, rowCount)
    } else {
      try pick(key, groups, rowCount)
    }
    let rows = winners.leadingRows()
    keys.set(winners.groups, rows, from: key)
    if let values { values.set(winners.groups, rows, from: arguments[0]) }
    winners.clear()
  }

  /// Whether a row whose key compares so with the best one wins.
  @inline(__always)
  private func wins(_ order: Int) -> Bool { order == 0 ? takesEqual : (order > 0) == isMaximum }

  private func pickStrings(_ key: ColumnVector, _ groups: UnsafePointer<UInt32>, _ rowCount: Int) {
    let views = key.views
    let best = keys.slots.assumingMemoryBound(to: StringView.self)
    let states = keys.states
    for row in 0..<rowCount where !key.isNull(row) {
      let group = Int(groups[row])
      let view = views[key.slot(row)]
      let leader = winners.rows[group]
      if leader >= 0 {
        if wins(StringView.compare(view, views[key.slot(Int(leader))])) { winners.lead(group, row) }
      } else if states[group] != GroupValues.State.value || wins(StringView.compare(view, best[group])) {
        winners.lead(group, row)
      }
    }
  }

  /// First the best row of the batch for each group, then those that beat what the group had.
  private func pick(_ key: ColumnVector, _ groups: UnsafePointer<UInt32>, _ rowCount: Int) throws {
    for row in 0..<rowCount where !key.isNull(row) {
      let group = Int(groups[row])
      let leader = Int(winners.rows[group])
      if leader < 0 || wins(ValueOrder.compareValues(key, row, key, leader)) { winners.lead(group, row) }
    }
    let count = winners.count
    let held = try keys.values(of: winners.groups, count: count)
    let beaten = (0..<count).map { index in
      held.isNull(index)
        || wins(ValueOrder.compareValues(key, Int(winners.rows[Int(winners.groups[index])]), held, index))
    }
    if beaten.allSatisfy({ $0 }) { return }
    let leaders = (0..<count).filter { beaten[$0] }.map {
      (Int(winners.groups[$0]), Int(winners.rows[Int(winners.groups[$0])]))
    }
    winners.clear()
    for (group, row) in leaders { winners.lead(group, row) }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let key = try keys.decoded(states[0])
    guard let values else { return try update(groups: groups, rowCount: rowCount, arguments: [key]) }
    try update(groups: groups, rowCount: rowCount, arguments: [try values.decoded(states[1]), key])
  }

  func states(groupCount: Int) -> [ColumnVector] {
    [keys.stored(groupCount)] + (values.map { [$0.stored(groupCount)] } ?? [])
  }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    ([keys] + (values.map { [$0] } ?? [])).map { $0.stored(of: groups, count: count) }
  }

  func finish(groupCount: Int) throws -> ColumnVector { try (values ?? keys).values(groupCount) }
}

/// `first`, `last` and `any_value`. State: the value, whether there is one.
final class PositionAccumulator: SelectiveAccumulator {
  private let store: GroupValues
  private let winners = Winners()
  private let isLast: Bool
  private let ignoresNulls: Bool

  init(_ type: DataType, isLast: Bool, ignoresNulls: Bool) {
    store = GroupValues(type)
    self.isLast = isLast
    self.ignoresNulls = ignoresNulls
  }

  func reserve(groupCount: Int) {
    store.reserve(groupCount)
    winners.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    take(arguments[0], groups, rowCount) { _ in true }
  }

  @inline(__always)
  private func take(
    _ vector: ColumnVector, _ groups: UnsafePointer<UInt32>, _ rowCount: Int, _ counts: (Int) -> Bool
  ) {
    let states = store.states
    for row in 0..<rowCount where counts(row) && !(ignoresNulls && (vector.isNull(row) || vector.type == .void)) {
      let group = Int(groups[row])
      if isLast || (states[group] == GroupValues.State.unset && winners.rows[group] < 0) { winners.lead(group, row) }
    }
    store.set(winners.groups, winners.leadingRows(), from: vector)
    winners.clear()
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let isSet = states[1].values(as: UInt8.self)
    take(try store.decoded(states[0]), groups, rowCount) { isSet[states[1].slot($0)] != 0 }
  }

  func states(groupCount: Int) -> [ColumnVector] { [store.stored(groupCount), store.isSet(groupCount)] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [store.stored(of: groups, count: count), store.isSet(of: groups, count: count)]
  }

  func finish(groupCount: Int) throws -> ColumnVector { try store.values(groupCount) }
}
