import MillraceColumnar
import MillraceCore

/// The keys of a store that go when a time of theirs has come.
struct DueKeys {
  private let store: any StateStore
  private let indexed: (any TimeIndexedStateStore)?
  private let column: StateColumn

  /// Made before anything is put into the store. `column` holds the time.
  init(_ store: any StateStore, _ column: StateColumn) {
    self.store = store
    self.column = column
    indexed = store as? any TimeIndexedStateStore
    indexed?.indexTimes(of: column)
  }

  /// Keys with their values.
  struct Batch {
    var keys: [ColumnVector]
    var values: [ColumnVector]
    var count: Int
  }

  /// Removes the keys whose time is at or before `time`, and gives them in the order of the store.
  func take(through time: Int64) throws -> Batch? {
    if store.rowCount == 0 { return nil }
    var parts: [Batch] = []
    if let indexed {
      try store.measured.scan(through: time, in: indexed) { keys, values, count in
        parts.append(Batch(keys: keys, values: values, count: count))
      }
    } else {
      try store.measured.scan { keys, values, count in
        let rows = due(keys, values, count, time)
        if rows.count == 0 { return }
        parts.append(
          Batch(keys: keys.map { $0.gathered(rows) }, values: values.map { $0.gathered(rows) }, count: rows.count))
      }
    }
    guard let first = parts.first else { return nil }
    let all = Batch(
      keys: first.keys.indices.map { column in .concatenated(parts.map { $0.keys[column] }) },
      values: first.values.indices.map { column in .concatenated(parts.map { $0.values[column] }) },
      count: parts.reduce(0) { $0 + $1.count })
    try store.measured.remove(keys: all.keys, count: all.count)
    return all
  }

  private func due(_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int, _ time: Int64) -> Selection {
    let times =
      switch column {
      case .key(let position): keys[position]
      case .value(let position): values[position]
      }
    let instants = times.values(as: Int64.self)
    let result = Selection(capacity: count)
    var length = 0
    for row in 0..<count {
      result.rows[length] = Int32(truncatingIfNeeded: row)
      length += !times.isNull(row) && instants[times.slot(row)] <= time ? 1 : 0
    }
    return result.truncated(to: length)
  }
}
