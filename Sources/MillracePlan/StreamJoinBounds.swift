import MillraceColumnar
public import MillraceExpressions

/// What the condition of a join of two streams says about time: how long a row of one side can still find a partner.
public struct StreamJoinBounds: Sendable {
  /// A row can go when the watermark reaches its time plus the offset.
  public struct Expiry: Sendable {
    /// The event-time column: a timestamp, or a window that counts by its end.
    public var column: Attribute
    /// Microseconds.
    public var offset: Int64
  }

  /// How long a row of the left side can find a partner; nil: for ever.
  public private(set) var left: Expiry?
  /// The same of the right side.
  public private(set) var right: Expiry?
  /// Whether the times of both sides must be equal.
  private var hasEqualTimes = false
  private let hasLeftTime: Bool
  private let hasRightTime: Bool
  /// Whether some columns must be equal, so that partners can be looked up.
  public private(set) var hasEquality = false

  /// Reads the condition of a join.
  public init(_ join: JoinNode) {
    let leftTimes = join.left.eventTimes, rightTimes = join.right.eventTimes
    hasLeftTime = !leftTimes.delays.isEmpty
    hasRightTime = !rightTimes.delays.isEmpty
    let leftIDs = Set(join.left.output.map(\.id)), rightIDs = Set(join.right.output.map(\.id))
    for condition in join.condition?.conjuncts ?? [] {
      guard case .call(let function, let sides) = condition, sides.count == 2 else { continue }
      let first = sides[0].references, second = sides[1].references
      if first.isEmpty || second.isEmpty { continue }
      let isMirrored = first.isSubset(of: rightIDs) && second.isSubset(of: leftIDs)
      guard isMirrored || first.isSubset(of: leftIDs) && second.isSubset(of: rightIDs) else { continue }
      let isEqual = ["=", "==", "<=>"].contains(function.name)
      hasEquality = hasEquality || isEqual
      let leftTime = StreamJoinBounds.shifted(isMirrored ? sides[1] : sides[0])
      let rightTime = StreamJoinBounds.shifted(isMirrored ? sides[0] : sides[1])
      guard let a = leftTime, let b = rightTime else {
        // Spark lets rows go by an event time among the keys, whatever it must be equal to.
        guard isEqual else { continue }
        if let a = leftTime, leftTimes.delays[a.column.id] != nil { left = StreamJoinBounds.earlier(left, a) }
        if let b = rightTime, rightTimes.delays[b.column.id] != nil { right = StreamJoinBounds.earlier(right, b) }
        continue
      }
      // Where times are equal, the watermark of one side says when both go.
      let isEqualTime = isEqual && (rightTimes.delays[b.column.id] != nil || leftTimes.delays[a.column.id] != nil)
      if isEqualTime { hasEqualTimes = true }
      let isLess = ["<", "<="].contains(function.name), isGreater = [">", ">="].contains(function.name)
      // A partner with the very time of the watermark may still come where the comparison takes equal times. Spark counts in
      // milliseconds.
      let slack: Int64 = ["<=", ">="].contains(function.name) ? 1000 : 0
      // Rows of the other side that are still to come are later than the watermark.
      if isEqualTime || (isMirrored ? isLess : isGreater) && rightTimes.delays[b.column.id] != nil {
        left = StreamJoinBounds.earlier(left, Expiry(column: a.column, offset: a.offset - b.offset + slack))
      }
      if isEqualTime || (isMirrored ? isGreater : isLess) && leftTimes.delays[a.column.id] != nil {
        right = StreamJoinBounds.earlier(right, Expiry(column: b.column, offset: b.offset - a.offset + slack))
      }
    }
  }

  /// When rows of the left side go; nil: never. Spark lets rows go by a range of times only where their own side has a watermark.
  public var leftEviction: Expiry? { hasLeftTime || hasEqualTimes ? left : nil }

  /// When rows of the right side go.
  public var rightEviction: Expiry? { hasRightTime || hasEqualTimes ? right : nil }

  /// By how much rows that come out can be behind the watermark.
  public var delay: Int64 { max(leftEviction?.offset ?? 0, rightEviction?.offset ?? 0, 0) }

  private static func earlier(_ known: Expiry?, _ other: Expiry) -> Expiry {
    guard let known, known.column != other.column || known.offset <= other.offset else { return other }
    return known
  }

  /// An expression that is a time column plus a constant.
  private static func shifted(_ expression: Expression) -> Expiry? {
    if case .attribute(let column) = expression,
      column.type.isTimestamp || column.type.fields?.map(\.name) == ["start", "end"]
    {
      return Expiry(column: column, offset: 0)
    }
    guard expression.type.isTimestamp, let column = expression.soleAttribute, column.type.isTimestamp else {
      return nil
    }
    // Tried at odd instants, which tells a constant shift from truncation and the like.
    let samples: [Int64] = [1, 86_399_999_999, 951_782_461_000_003, 1_699_999_999_999_999]
    let builder = ColumnBuilder(column.type)
    for sample in samples { builder.append(.integer(sample)) }
    let rows = RecordBatch(rowCount: samples.count, columns: [builder.finish()])
    guard let evaluator = try? Evaluator([expression], input: [column]),
      let result = try? evaluator.evaluate(rows, EvaluationContext())[0]
    else { return nil }
    let offsets = Set(
      samples.indices.map { index -> Int64? in
        if case .integer(let time) = result.value(index) { time - samples[index] } else { nil }
      })
    guard offsets.count == 1, let offset = offsets.first ?? nil else { return nil }
    return Expiry(column: column, offset: offset)
  }
}

extension Expression {
  /// The only column that the expression reads, if it reads one.
  fileprivate var soleAttribute: Attribute? {
    guard references.count == 1 else { return nil }
    var found: Attribute?
    _ = rewritten { part in
      if case .attribute(let attribute) = part { found = attribute }
      return nil
    }
    return found
  }
}
