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
    let isMatched = try matched(found, batch, context)
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

  private func matched(_ found: Lookup, _ batch: RecordBatch, _ context: EvaluationContext) throws -> [Bool] {
    let count = found.groups.count
    guard let rest = rest(found) else {
      return (0..<count).map { row in
        var candidates = candidates(of: row, found)
        return take(from: &candidates) != nil
      }
    }
    var isMatched = [Bool](repeating: false, count: count)
    // A few candidates of every row at first: most rows that match do so early. The rows still open get more each round.
    var open = (0..<count).map { (row: $0, candidates: candidates(of: $0, found)) }
    var width = 4
    while !open.isEmpty {
      var pairs = Matches()
      for index in open.indices {
        for _ in 0..<width {
          guard let member = take(from: &open[index].candidates) else { break }
          pairs.left.append(Int32(truncatingIfNeeded: open[index].row))
          pairs.right.append(member)
        }
        if pairs.left.count >= JoinTable.pairsAtOnce { try mark(&pairs, rest, batch, context, &isMatched) }
      }
      try mark(&pairs, rest, batch, context, &isMatched)
      open.removeAll { isMatched[$0.row] || $0.candidates.places.isEmpty }
      width = min(width * 8, JoinTable.pairsAtOnce)
    }
    return isMatched
  }

  /// Marks the built rows that match rows of a batch. What is marked already is not looked at again.
  func mark(_ batch: RecordBatch, _ marks: JoinMarks, _ context: EvaluationContext) throws {
    let found = try lookup(batch, context)
    let rest = rest(found)
    var pairs = Matches()
    func markPairs() throws {
      if pairs.left.isEmpty { return }
      if let rest {
        let kept = try holding(pairs, rest, batch, context)
        for index in 0..<kept.count { marks.mark(pairs.right[Int(kept.rows[index])]) }
      } else {
        for row in pairs.right { marks.mark(row) }
      }
      pairs.removeAll()
    }
    func add(_ row: Int, _ member: Int32) throws {
      pairs.left.append(Int32(truncatingIfNeeded: row))
      pairs.right.append(member)
      if pairs.left.count >= JoinTable.pairsAtOnce { try markPairs() }
    }
    var open = RawArray<Int32>()
    for row in found.groups.indices where found.groups[row] != GroupTable.absent {
      var candidates = candidates(of: row, found)
      if found.words.second.isEmpty {
        // These are all rows of the key up to an end.
        let key = Int(found.groups[row])
        let places = candidates.places.clamped(to: marks.end(ofKey: key)..<Int.max)
        gatherUnmarked(places, marks, into: &open)
        for index in 0..<open.count { try add(row, open[index]) }
        if open.count == 0 && !places.isEmpty { marks.setEnd(places.upperBound, ofKey: key) }
      } else {
        while let member = take(from: &candidates) {
          if !marks.isMarked(member) { try add(row, member) }
        }
      }
    }
    try markPairs()
  }

  /// Marks the left rows of the pairs for which the rest of the condition holds, and empties the pairs.
  private func mark(
    _ pairs: inout Matches, _ rest: PairCondition, _ batch: RecordBatch, _ context: EvaluationContext,
    _ isMatched: inout [Bool]
  ) throws {
    if pairs.left.isEmpty { return }
    let kept = try holding(pairs, rest, batch, context)
    for index in 0..<kept.count { isMatched[Int(pairs.left[Int(kept.rows[index])])] = true }
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
