public import MillraceCore
import MillraceExpressions
import MillracePlan

/// What the rows of an output say of those that came before, where they may come out later than with their batch.
public enum ReplaceableRows: Sendable, Hashable {
  /// They are the whole result.
  case whole
  /// They are the present rows of the keys that changed, one for each. By column, the number of the key that it holds, nil: none.
  case byKey(columns: [Int?], keyCount: Int)

  /// Whether a sink where rows replace others like this ends with the same, whichever batches it gets, if it gets all keys that changed.
  public func fits(_ replacement: RowReplacement) -> Bool {
    switch (self, replacement) {
    case (.whole, .all): return true
    case (.byKey(let columns, let keyCount), .keys(let positions)):
      // With fewer keys rows of several groups would meet in one, with more each of a group's states would have a row of its own.
      let keys = positions.map { columns.indices.contains($0) ? columns[$0] : nil }
      return keyCount > 0 && !keys.contains(nil) && Set(keys).count == keyCount
    case (.whole, .keys), (.byKey, .all): return false
    }
  }
}

/// Which rows come out apart from a batch.
public enum EmissionScope: Sendable, Hashable {
  /// Those that batches have changed since they came out last.
  case due
  /// Those of all groups of the state.
  case everything
}

extension ReplaceableRows {
  /// What a plan's rows are; nil where each batch's rows must come out with it.
  init?(_ plan: LogicalPlan, _ mode: OutputMode) {
    switch mode {
    case .append: return nil
    case .complete:
      guard Self.isOverAggregate(plan) else { return nil }
      self = .whole
    case .update:
      guard let keys = Self.keys(of: plan), let node = plan.streamingAggregates.first else { return nil }
      self = .byKey(columns: plan.output.map { keys[$0.id] }, keyCount: node.grouping.count)
    }
  }

  /// Whether nothing but the groups of one aggregation decides on the rows.
  private static func isOverAggregate(_ plan: LogicalPlan) -> Bool {
    switch plan {
    case .aggregate(let node): node.child.isStreaming
    case .project(_, let child), .filter(_, let child), .sort(_, let child), .limit(_, _, let child),
      .alias(_, let child):
      isOverAggregate(child)
    default: false
    }
  }

  /// The numbers of the keys by the attributes that hold them. Nil where a group has no row of its own at all times, as behind a
  /// filter, where a row that is out already would have to stay, or where a row depends on when it comes out.
  private static func keys(of plan: LogicalPlan) -> [Int: Int]? {
    switch plan {
    case .aggregate(let node):
      guard node.child.isStreaming else { return nil }
      return Dictionary(
        node.grouping.enumerated().map { ($0.element.attribute.id, $0.offset) }, uniquingKeysWith: { first, _ in first }
      )
    case .alias(_, let child): return keys(of: child)
    case .project(let columns, let child):
      guard columns.allSatisfy(\.expression.isDeterministic), let known = keys(of: child) else { return nil }
      var result: [Int: Int] = [:]
      for column in columns {
        if case .attribute(let source) = column.expression, let key = known[source.id] {
          result[column.attribute.id] = key
        }
      }
      return result
    default: return nil
    }
  }
}
