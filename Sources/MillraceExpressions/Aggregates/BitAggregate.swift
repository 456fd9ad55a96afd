import MillraceColumnar

/// `bit_and`, `bit_or`, `bit_xor`, and `bool_and`, `bool_or` as the same over booleans. State: the value so far.
final class BitAccumulator: SelectiveAccumulator {
  enum Operation: Sendable {
    case and, or, xor
  }

  private let store: GroupValues
  private let operation: Operation

  init(_ type: DataType, _ operation: Operation) {
    store = GroupValues(type)
    self.operation = operation
  }

  func reserve(groupCount: Int) { store.reserve(groupCount) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    switch store.type.physical {
    case .bool, .int8: combine(arguments[0], UInt8.self, groups, rowCount)
    case .int16: combine(arguments[0], UInt16.self, groups, rowCount)
    case .int32: combine(arguments[0], UInt32.self, groups, rowCount)
    case .int64: combine(arguments[0], UInt64.self, groups, rowCount)
    default: break
    }
  }

  @inline(__always)
  private func combine<T: FixedWidthInteger>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) {
    let held = store.slots.assumingMemoryBound(to: T.self)
    let states = store.states
    let operation = self.operation
    Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
      if states[group] == GroupValues.State.unset {
        held[group] = value
        states[group] = GroupValues.State.value
      } else {
        switch operation {
        case .and: held[group] &= value
        case .or: held[group] |= value
        case .xor: held[group] ^= value
        }
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
