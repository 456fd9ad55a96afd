public import MillraceColumnar

/// Computes one window function over sorted rows. A value without state; may serve several threads.
public struct WindowEvaluator: Sendable {
  private let function: BoundWindowFunction
  private let frame: WindowFrame
  private let zone: TimeZoneRules

  /// `frame` nil takes the usual one: up to the row's peers if the window is ordered, else the whole partition.
  public init(_ function: BoundWindowFunction, frame: WindowFrame?, isOrdered: Bool, _ context: BindingContext) throws {
    if function.requiresOrder && !isOrdered {
      throw MillraceError(
        "WINDOW_FUNCTION_FRAME_NOT_ORDERED", "`\(function.name)` needs rows in an order",
        hint: "add ORDER BY to the window")
    }
    self.function = function
    self.frame = frame ?? (isOrdered ? .upToPeers : .wholePartition)
    zone = try TimeZoneRules.required(context.timeZone)
  }

  /// One value per row.
  public func evaluate(_ input: WindowInput) throws -> ColumnVector {
    switch function.kind {
    case .rowNumber, .rank, .denseRank, .percentRank, .cumulativeDistribution, .buckets:
      return RankColumn.make(function.kind, input)
    case .shift(let offset, let ignoresNulls): return shifted(input, offset, ignoresNulls)
    case .nth(let position, let ignoresNulls): return picked(input, position, ignoresNulls)
    case .aggregate(let aggregate): return try FrameAggregation(aggregate, input).run(frame, zone)
    }
  }

  private func shifted(_ input: WindowInput, _ offset: Int, _ ignoresNulls: Bool) -> ColumnVector {
    let value = input.arguments[0].flattened()
    let count = input.rowCount
    let hasDefault = input.arguments.count > 1
    // Rows of the default lie behind those of the value.
    let source = hasDefault ? ColumnVector.concatenated([value, input.arguments[1].flattened()]) : value
    var picks = [Int32](repeating: -1, count: count)
    for (index, start) in input.partitionStarts.enumerated() {
      let end = index + 1 < input.partitionStarts.count ? input.partitionStarts[index + 1] : count
      let present = ignoresNulls ? PresentRows(value, start..<end) : nil
      for row in start..<end {
        let target = present.map { $0.row(offset, from: row) } ?? row + offset
        if target >= start && target < end {
          picks[row] = Int32(truncatingIfNeeded: target)
        } else if hasDefault {
          picks[row] = Int32(truncatingIfNeeded: count + row)
        }
      }
    }
    return source.picked(picks).retyped(function.type)
  }

  private func picked(_ input: WindowInput, _ position: Int, _ ignoresNulls: Bool) -> ColumnVector {
    let value = input.arguments[0].flattened()
    let bounds = FrameBounds(frame, input, zone: zone)
    let present = ignoresNulls ? PresentRows(value, 0..<input.rowCount) : nil
    var picks = [Int32](repeating: -1, count: input.rowCount)
    for row in 0..<input.rowCount {
      let lower = Int(bounds.lower[row]), upper = Int(bounds.upper[row])
      // An empty frame may lie beyond the rows.
      if lower >= upper { continue }
      var target = position > 0 ? lower + position - 1 : upper + position
      if let present {
        target = position > 0 ? present.row(position, from: lower - 1) : present.row(position, from: upper)
      }
      if target >= lower && target < upper { picks[row] = Int32(truncatingIfNeeded: target) }
    }
    return value.picked(picks).retyped(function.type)
  }
}

/// Finds the n-th row that is not NULL before or behind a row.
private struct PresentRows {
  private let rows: [Int]
  private let start: Int
  /// How many of `rows` lie before each row of the range, and at its end.
  private let before: [Int]

  init(_ column: ColumnVector, _ range: Range<Int>) {
    var rows: [Int] = []
    var before: [Int] = []
    for row in range {
      before.append(rows.count)
      if !column.isNull(row) { rows.append(row) }
    }
    before.append(rows.count)
    self.rows = rows
    self.before = before
    start = range.lowerBound
  }

  /// The row `offset` present rows on from `row`, or -1.
  func row(_ offset: Int, from row: Int) -> Int {
    if offset == 0 { return row }
    let first = offset > 0 ? before[row + 1 - start] + offset - 1 : before[row - start] + offset
    return rows.indices.contains(first) ? rows[first] : -1
  }
}

/// Ranks and row numbers.
enum RankColumn {
  static func make(_ kind: BoundWindowFunction.Kind, _ input: WindowInput) -> ColumnVector {
    let count = input.rowCount
    let isDouble: Bool
    switch kind {
    case .percentRank, .cumulativeDistribution: isDouble = true
    default: isDouble = false
    }
    let buffer = MemoryBuffer(capacity: count * 8)
    let integers = buffer.base.assumingMemoryBound(to: Int32.self)
    let doubles = buffer.base.assumingMemoryBound(to: Double.self)
    var peer = 0
    for (index, start) in input.partitionStarts.enumerated() {
      let end = index + 1 < input.partitionStarts.count ? input.partitionStarts[index + 1] : count
      let size = end - start
      var dense: Int32 = 0
      while peer < input.peerStarts.count && input.peerStarts[peer] < end {
        let from = input.peerStarts[peer]
        let to = peer + 1 < input.peerStarts.count ? input.peerStarts[peer + 1] : count
        dense += 1
        for row in from..<to {
          switch kind {
          case .rowNumber: integers[row] = Int32(row - start + 1)
          case .rank: integers[row] = Int32(from - start + 1)
          case .denseRank: integers[row] = dense
          case .percentRank: doubles[row] = size > 1 ? Double(from - start) / Double(size - 1) : 0
          case .cumulativeDistribution: doubles[row] = Double(to - start) / Double(size)
          case .buckets(let buckets): integers[row] = bucket(row - start, size, buckets)
          case .shift, .nth, .aggregate: break
          }
        }
        peer += 1
      }
    }
    return ColumnVector(type: isDouble ? .double : .integer, count: count, values: buffer)
  }

  /// The first `size % buckets` buckets have one row more.
  private static func bucket(_ position: Int, _ size: Int, _ buckets: Int) -> Int32 {
    let small = size / buckets, larger = size % buckets
    let boundary = larger * (small + 1)
    return Int32(position < boundary ? position / (small + 1) + 1 : larger + (position - boundary) / max(small, 1) + 1)
  }
}

/// Any aggregate over frames. Partial results of aligned runs of 1, 2, 4, … rows are merged into the frames that they tile, all
/// frames at once, so that every frame of n rows costs at most 2·log n merges.
struct FrameAggregation {
  private let aggregate: BoundAggregate
  private let input: WindowInput

  init(_ aggregate: BoundAggregate, _ input: WindowInput) {
    self.aggregate = aggregate
    self.input = input
  }

  func run(_ frame: WindowFrame, _ zone: TimeZoneRules) throws -> ColumnVector {
    if case .unboundedPreceding = frame.lower, case .unboundedFollowing = frame.upper { return try wholePartitions() }
    let bounds = FrameBounds(frame, input, zone: zone)
    return try tiled(bounds)
  }

  /// One group per partition.
  private func wholePartitions() throws -> ColumnVector {
    let count = input.rowCount
    let partitions = Selection(capacity: count)
    var groups = [UInt32](repeating: 0, count: count)
    for (index, start) in input.partitionStarts.enumerated() {
      let end = index + 1 < input.partitionStarts.count ? input.partitionStarts[index + 1] : count
      for row in start..<end {
        groups[row] = UInt32(truncatingIfNeeded: index)
        partitions.rows[row] = Int32(truncatingIfNeeded: index)
      }
    }
    let accumulator = aggregate.makeAccumulator()
    accumulator.reserve(groupCount: input.partitionStarts.count)
    try update(accumulator, groups, count)
    return try accumulator.finish(groupCount: input.partitionStarts.count).gathered(partitions)
  }

  private func update(_ accumulator: any Accumulator, _ groups: [UInt32], _ count: Int) throws {
    try groups.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, count > 0 else { return }
      try accumulator.update(groups: base, rowCount: count, arguments: input.arguments)
    }
  }

  private func tiled(_ bounds: FrameBounds) throws -> ColumnVector {
    let count = input.rowCount
    let result = aggregate.makeAccumulator()
    result.reserve(groupCount: count)
    let levels = try makeLevels(bounds)
    // Tiles ascend in size up to the middle of a frame and descend behind it; merging left to right keeps the order of rows.
    var next = bounds.lower.map { Int($0) }
    for level in 0..<levels.count { try mergeTiles(level, levels, bounds, &next, result, isAscending: true) }
    for level in (0..<levels.count).reversed() {
      try mergeTiles(level, levels, bounds, &next, result, isAscending: false)
    }
    return try result.finish(groupCount: count)
  }

  /// Merges into each frame the tile of 2^level rows that its next row begins, if it must (ascending) or may (descending) be taken.
  private func mergeTiles(
    _ level: Int, _ levels: [[ColumnVector]], _ bounds: FrameBounds, _ next: inout [Int], _ result: any Accumulator,
    isAscending: Bool
  ) throws {
    let size = 1 << level
    var groups: [UInt32] = []
    var tiles: [Int32] = []
    for row in 0..<input.rowCount {
      let at = next[row]
      guard at + size <= Int(bounds.upper[row]), at & (size - 1) == 0, !isAscending || at & size != 0 else { continue }
      groups.append(UInt32(truncatingIfNeeded: row))
      tiles.append(Int32(truncatingIfNeeded: at >> level))
      next[row] = at + size
    }
    if groups.isEmpty { return }
    let selection = Selection(tiles.map { Int($0) })
    let states = levels[level].map { $0.gathered(selection) }
    try groups.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      try result.merge(groups: base, rowCount: buffer.count, states: states)
    }
  }

  /// Partial results of runs of 2^k rows, up to the longest frame.
  private func makeLevels(_ bounds: FrameBounds) throws -> [[ColumnVector]] {
    let count = input.rowCount
    let longest = (0..<count).map { Int(bounds.upper[$0]) - Int(bounds.lower[$0]) }.max() ?? 0
    if longest <= 0 { return [] }
    let leaves = aggregate.makeAccumulator()
    leaves.reserve(groupCount: count)
    try update(leaves, (0..<count).map { UInt32(truncatingIfNeeded: $0) }, count)
    var levels = [try leaves.states(groupCount: count)]
    var size = 2
    while size <= longest {
      let below = (count + size / 2 - 1) / (size / 2)
      let runs = (count + size - 1) / size
      let accumulator = aggregate.makeAccumulator()
      accumulator.reserve(groupCount: runs)
      let groups = (0..<below).map { UInt32(truncatingIfNeeded: $0 / 2) }
      try groups.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try accumulator.merge(groups: base, rowCount: below, states: levels[levels.count - 1])
      }
      levels.append(try accumulator.states(groupCount: runs))
      size *= 2
    }
    return levels
  }
}
