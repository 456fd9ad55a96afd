import MillraceColumnar
import MillraceCore
import MillracePlan

extension ScanGroups {
  /// How often the right input of a join must be as large as the left one for the left one to be the one that is kept.
  private static let worthSwapping: Int64 = 4
  /// What a row counts where only their number is known.
  private static let rowBytes: Int64 = 64

  /// Whether the left input of an inner join is so much smaller than the right one that it is the one to be kept in memory, against the order
  /// of the query. Only where the sizes of both are known.
  func keepsLeft(_ node: JoinNode) -> Bool {
    guard [.inner, .cross].contains(node.kind), !node.isSingle, !node.left.isStreaming, !node.right.isStreaming,
      let left = byteCount(node.left), let right = byteCount(node.right)
    else { return false }
    return right / Self.worthSwapping > left
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
