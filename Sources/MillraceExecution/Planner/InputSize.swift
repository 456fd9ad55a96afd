import MillraceColumnar
import MillraceCore
import MillracePlan

extension ScanGroups {
  /// How often one input of a join must be as large as the other for the other to be called the smaller one.
  private static let clearly: Int64 = 4
  /// Bytes from which on it matters that an input is not kept in memory. The rows of small joins come in the order of the left side.
  private static let worthwhile: Int64 = 1 << 20
  /// What a row counts where only their number is known.
  private static let rowBytes: Int64 = 64

  /// The side of a join.
  enum Side {
    case left, right
  }

  /// The static side that is so much smaller than the other that it had better be the one in memory; nil where the sizes are alike or not known.
  func smallerSide(of node: JoinNode) -> Side? {
    guard !node.isSingle, !node.left.isStreaming, !node.right.isStreaming, let left = byteCount(node.left),
      let right = byteCount(node.right), max(left, right) >= Self.worthwhile
    else { return nil }
    return right / Self.clearly > left ? .left : left / Self.clearly > right ? .right : nil
  }

  /// About how many bytes the rows of a static plan take, going by what it reads; nil where that is not known.
  private func byteCount(_ plan: LogicalPlan) -> Int64? {
    switch plan {
    case .relation(let leaf):
      switch leaf.content {
      case .scan(let id, _): return byteCount(id)
      case .rows(let rows): return Int64(rows.rowCount) * Self.rowBytes
      case .oneRow: return Self.rowBytes
      case .range, .result: return nil
      }
    case .aggregate(let node) where node.grouping.isEmpty: return Self.rowBytes
    case .limit(let count?, _, let child):
      let limit = Int64(min(count, 1 << 40)) * Self.rowBytes
      return byteCount(child).map { min($0, limit) } ?? limit
    case .join(let node) where node.kind.keepsLeftOnly: return byteCount(node.left)
    default:
      return plan.children.reduce(0) { sum, child in
        guard let sum, let bytes = byteCount(child) else { return nil }
        return sum + bytes
      }
    }
  }
}
