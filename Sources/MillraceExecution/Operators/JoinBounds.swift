import MillraceColumnar
import MillraceExpressions

/// Comparisons of a join's condition that say which built rows match a row without looking at each: `first` those that begin early enough,
/// `second` those of them that end late enough, as in `x BETWEEN first AND second`.
struct JoinBounds: Sendable {
  /// One comparison, with a side of the join on each side.
  struct Bound: Sendable {
    let left: Evaluator
    let right: Evaluator
    /// Whether equal values do not match.
    let isStrict: Bool
    /// Number of the conjunct.
    let conjunct: Int

    /// A conjunct that wants the built side's value to be at most the other's, or at least; else nil.
    fileprivate init?(_ conjunct: Expression, number: Int, atMost: Bool, left: [Attribute], right: [Attribute]) throws {
      guard case .call(let function, let sides) = conjunct, sides.count == 2, conjunct.isDeterministic,
        ["<", "<=", ">", ">="].contains(function.name), sides[0].type == sides[1].type,
        OrderWords.cover(sides[0].type)
      else { return nil }
      let leftIDs = Set(left.map(\.id)), rightIDs = Set(right.map(\.id))
      func reads(_ side: Expression, _ columns: Set<Int>) -> Bool {
        !side.references.isEmpty && side.references.isSubset(of: columns)
      }
      let isMirrored = reads(sides[0], leftIDs)
      let other = sides[isMirrored ? 0 : 1], built = sides[isMirrored ? 1 : 0]
      guard reads(other, leftIDs), reads(built, rightIDs), function.name.hasPrefix("<") == (atMost != isMirrored) else {
        return nil
      }
      self.left = try Evaluator([other], input: left)
      self.right = try Evaluator([built], input: right)
      isStrict = !function.name.hasSuffix("=")
      self.conjunct = number
    }
  }

  /// The built side's value is at most the other's; at least where `isMirrored`.
  let first: Bound
  let isMirrored: Bool
  /// The built side's value is at least the other's.
  let second: Bound?
  /// The conjuncts that the bounds do not decide.
  let others: [Expression]

  /// nil if no conjunct compares the two sides.
  init?(_ conjuncts: [Expression], left: [Attribute], right: [Attribute]) throws {
    func bound(atMost: Bool) throws -> Bound? {
      for (number, conjunct) in conjuncts.enumerated() {
        let bound = try Bound(conjunct, number: number, atMost: atMost, left: left, right: right)
        if let bound { return bound }
      }
      return nil
    }
    let atMost = try bound(atMost: true), atLeast = try bound(atMost: false)
    guard let first = atMost ?? atLeast else { return nil }
    self.first = first
    isMirrored = atMost == nil
    second = isMirrored ? nil : atLeast
    let decided = [first.conjunct, second?.conjunct]
    others = conjuncts.indices.filter { !decided.contains($0) }.map { conjuncts[$0] }
  }

  /// The values of one side as words in their order, so that a built row is within the bounds of another if its first word is at most and its
  /// second at least that of the other.
  struct Words {
    var first: [UInt64] = []
    /// Empty without a second bound.
    var second: [UInt64] = []
    /// Rows that match nothing, such as those with a NULL; empty if there are none.
    var isUnmatched: [Bool] = []

    fileprivate mutating func leaveOut(_ row: Int) {
      if isUnmatched.isEmpty { isUnmatched = [Bool](repeating: false, count: first.count) }
      isUnmatched[row] = true
    }

    fileprivate mutating func leaveOutNulls(of column: ColumnVector) {
      guard column.mayHaveNulls else { return }
      for row in 0..<column.count where column.isNull(row) { leaveOut(row) }
    }
  }

  /// What gives words.
  struct Scale {
    fileprivate let bounds: [OrderWords]
  }

  /// The words of the built rows and what gives those of other rows; nil where a value fails, which only matters to rows that are paired.
  func rightWords(_ batch: RecordBatch, _ context: EvaluationContext) -> (words: Words, scale: Scale)? {
    guard let columns = try? values(batch, context, of: \.right) else { return nil }
    let ordered = columns.map { OrderWords.of($0) }
    return (words(columns, ordered.map(\.words)), Scale(bounds: ordered.map(\.scale)))
  }

  /// The words of the other side's rows; nil where a value fails.
  func leftWords(_ batch: RecordBatch, _ scale: Scale, _ context: EvaluationContext) -> Words? {
    guard let columns = try? values(batch, context, of: \.left) else { return nil }
    var words = words(columns, zip(scale.bounds, columns).map { $0.words(of: $1) })
    // What is less is less by a word or more.
    if first.isStrict {
      for row in words.first.indices {
        if words.first[row] == 0 { words.leaveOut(row) } else { words.first[row] -= 1 }
      }
    }
    if second?.isStrict == true {
      for row in words.second.indices {
        if words.second[row] == .max { words.leaveOut(row) } else { words.second[row] += 1 }
      }
    }
    return words
  }

  private func values(
    _ batch: RecordBatch, _ context: EvaluationContext, of side: (Bound) -> Evaluator
  ) throws -> [ColumnVector] {
    try [first, second].compactMap(\.self).map { try side($0).evaluate(batch, context)[0] }
  }

  private func words(_ columns: [ColumnVector], _ values: [[UInt64]]) -> Words {
    var result = Words(first: values[0])
    if isMirrored { for row in result.first.indices { result.first[row] = ~result.first[row] } }
    if values.count > 1 { result.second = values[1] }
    for column in columns { result.leaveOutNulls(of: column) }
    return result
  }
}
