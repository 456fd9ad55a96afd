import MillraceColumnar
import MillraceCore
import MillraceState

extension StateStore {
  /// The store as operators use it: time in it counts as that of the operator's state.
  var measured: MeasuredStateStore { MeasuredStateStore(store: self) }
}

/// Reads and changes a state store on the thread of an operator, whose lane is told.
struct MeasuredStateStore {
  let store: any StateStore

  /// Values for each of `count` keys.
  func get(keys: [ColumnVector], count: Int) throws -> StateLookup {
    try ProfileLane.usingState { try store.get(keys: keys, count: count) }
  }

  /// Sets values for keys.
  func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws {
    try ProfileLane.usingState { try store.put(keys: keys, values: values, count: count) }
  }

  /// Values of distinct keys, and where a store in memory has them; nil for others.
  func find(keys: [ColumnVector], count: Int) throws -> (StateLookup, MemoryStateStore.Places?) {
    guard let memory = store as? MemoryStateStore else { return (try get(keys: keys, count: count), nil) }
    return try ProfileLane.usingState { try memory.find(keys: keys, count: count) }
  }

  /// Sets values of keys that `find` has looked for.
  func put(keys: [ColumnVector], values: [ColumnVector], count: Int, at places: MemoryStateStore.Places?) throws {
    guard let places, let memory = store as? MemoryStateStore else {
      return try put(keys: keys, values: values, count: count)
    }
    try ProfileLane.usingState { try memory.put(keys: keys, values: values, count: count, at: places) }
  }

  /// Removes keys.
  func remove(keys: [ColumnVector], count: Int) throws {
    try ProfileLane.usingState { try store.remove(keys: keys, count: count) }
  }

  /// Calls `body` with everything; what `body` does is the operator's again.
  func scan(_ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws { try scan(.all, body) }

  /// Calls `body` with the rows that are due in a store that knows of some; what `body` does is the operator's again.
  func takeDue(from memory: MemoryStateStore, _ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws {
    try scan(.due(memory), body)
  }

  /// Calls `body` with the rows that the version has changed or added; what `body` does is the operator's again.
  func scanTouched(
    of memory: MemoryStateStore, _ body: ([ColumnVector], [ColumnVector], Int) throws -> Void
  ) throws {
    try scan(.touched(memory), body)
  }

  private enum Rows {
    case all
    case due(MemoryStateStore)
    case touched(MemoryStateStore)
  }

  private func scan(_ rows: Rows, _ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws {
    guard let lane = ProfileLane.current else { return try visit(rows, body) }
    let outer = lane.slot
    try ProfileLane.usingState {
      try visit(rows) { keys, values, count in try lane.charging(outer) { try body(keys, values, count) } }
    }
  }

  private func visit(_ rows: Rows, _ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws {
    switch rows {
    case .all: try store.scan(body)
    case .due(let memory): try memory.takeDue(body)
    case .touched(let memory): try memory.forEachTouched(body)
    }
  }

  /// Calls `body`, which does little, with the keys that are due in a store that finds them.
  func scan(
    through time: Int64, in indexed: any TimeIndexedStateStore,
    _ body: ([ColumnVector], [ColumnVector], Int) throws -> Void
  ) throws {
    try ProfileLane.usingState { try indexed.scan(through: time, body) }
  }
}
