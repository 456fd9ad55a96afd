import MillraceColumnar
import MillraceExpressions
import MillracePlan

extension JoinKind {
  /// Whether it only matters that a match exists, not how many there are.
  var isExistence: Bool { self == .leftSemi || self == .leftAnti || self == .nullAwareAnti }
}

extension JoinTable {
  /// The rows of a batch that a semi or anti join keeps. No pairs are made where the keys alone decide.
  func existing(_ batch: RecordBatch, _ context: EvaluationContext) throws -> Selection {
    let found = try lookup(batch, context)
    let isMatched = try matched(found.groups, batch, context)
    switch plan.kind {
    case .leftSemi: return JoinTable.selected(isMatched.count) { isMatched[$0] }
    case .nullAwareAnti:
      // NOT IN: a NULL on the right makes every comparison unknown; a NULL on the left does unless the right is empty.
      if rows.rowCount == 0 { return .range(0..<batch.rowCount) }
      if hasNullKey { return Selection(capacity: 0) }
      let isUnknown = found.nullKeys
      return JoinTable.selected(isMatched.count) { !isMatched[$0] && (isUnknown.isEmpty || !isUnknown[$0]) }
    default: return JoinTable.selected(isMatched.count) { !isMatched[$0] }
    }
  }

  private func matched(_ groups: [UInt32], _ batch: RecordBatch, _ context: EvaluationContext) throws -> [Bool] {
    guard plan.residual != nil else { return groups.map { !places(of: $0).isEmpty } }
    var isMatched = [Bool](repeating: false, count: groups.count)
    // A few candidates of every row at first: most rows that match do so early. The rows still open get more each round.
    var open = groups.indices.filter { !places(of: groups[$0]).isEmpty }.map {
      (row: $0, places: places(of: groups[$0]))
    }
    var width = 4
    while !open.isEmpty {
      var pairs = Matches()
      for (row, places) in open where !isMatched[row] {
        let part = places.prefix(width)
        for place in part {
          pairs.left.append(Int32(truncatingIfNeeded: row))
          pairs.right.append(member(at: place))
        }
        if pairs.left.count >= JoinTable.pairsAtOnce { try mark(&pairs, batch, context, &isMatched) }
      }
      try mark(&pairs, batch, context, &isMatched)
      open = open.compactMap { row, places in
        isMatched[row] || places.count <= width ? nil : (row, places.lowerBound + width..<places.upperBound)
      }
      width = min(width * 8, JoinTable.pairsAtOnce)
    }
    return isMatched
  }

  /// Marks the left rows of the pairs for which the rest of the condition holds, and empties the pairs.
  private func mark(
    _ pairs: inout Matches, _ batch: RecordBatch, _ context: EvaluationContext, _ isMatched: inout [Bool]
  ) throws {
    if let kept = try holding(pairs, batch, context) {
      for index in 0..<kept.count { isMatched[Int(pairs.left[Int(kept.rows[index])])] = true }
    }
    pairs.removeAll()
  }

  private static func selected(_ count: Int, where isKept: (Int) -> Bool) -> Selection {
    let result = Selection(capacity: count)
    var kept = 0
    for row in 0..<count {
      result.rows[kept] = Int32(truncatingIfNeeded: row)
      kept += isKept(row) ? 1 : 0
    }
    return result.truncated(to: kept)
  }
}
