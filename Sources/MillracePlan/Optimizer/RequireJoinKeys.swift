import MillraceColumnar
import MillraceExpressions

/// Rows whose join columns are NULL find no partner; where such rows cannot come out they are dropped below the watermark, as in
/// Spark, where they therefore do not move it.
enum RequireJoinKeys {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan {
    plan.rewritten { node in
      guard case .join(var join) = node else { return nil }
      let compared = (join.condition?.conjuncts ?? []).flatMap { comparedColumns($0) }
      if [.inner, .right, .leftSemi].contains(join.kind) { join.left = requiring(compared, in: join.left) }
      if [.inner, .left, .leftSemi, .leftAnti].contains(join.kind) { join.right = requiring(compared, in: join.right) }
      return .join(join)
    }
  }

  /// Columns that stand on a side of a comparison that NULL makes unknown.
  static func comparedColumns(_ condition: Expression) -> [Attribute] {
    guard case .call(let function, let sides) = condition, ["=", "==", "<", "<=", ">", ">="].contains(function.name)
    else { return [] }
    return sides.compactMap { if case .attribute(let column) = $0 { column } else { nil } }
  }

  private static func requiring(_ columns: [Attribute], in side: LogicalPlan) -> LogicalPlan {
    guard side.isStreaming, side.hasWatermark else { return side }
    var seen: Set<Int> = []
    return side.output.reduce(side) { plan, column in
      guard column.isNullable, columns.contains(where: { $0.id == column.id }), seen.insert(column.id).inserted else {
        return plan
      }
      return .filter(.call(isPresent, [.attribute(column)]), plan)
    }
  }

  private static let isPresent = BoundFunction("isnotnull", type: .boolean, isNullable: false) { arguments, count, _ in
    let column = arguments[0]
    let buffer = MemoryBuffer(capacity: max(count, 1))
    let flags = buffer.base.assumingMemoryBound(to: UInt8.self)
    for row in 0..<count { flags[row] = column.isNull(row) ? 0 : 1 }
    return ColumnVector(type: .boolean, count: count, values: buffer)
  }
}
