import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// ROLLUP, CUBE and GROUPING SETS: every row once per set, with NULL for the keys that the set leaves out.
struct GroupingSetPlan {
  /// Indices of the keys in each set.
  let sets: [[Int]]
  private let id = Attribute("spark_grouping_id", .long, isNullable: false)
  private let position = Attribute("grouping_pos", .long, isNullable: false)

  init(sets: [[Int]]) { self.sets = sets }

  /// The sets of expressions of a clause; nil when it only lists keys.
  static func sets(of clause: GroupBy) -> [[SQLExpression]]? {
    var isPlain = true
    var result: [[SQLExpression]] = [[]]
    for item in clause.items {
      let choices = sets(of: item)
      if case .expression = item {} else { isPlain = false }
      result = result.flatMap { prefix in choices.map { prefix + $0 } }
    }
    return isPlain ? nil : result
  }

  private static func sets(of item: GroupBy.Item) -> [[SQLExpression]] {
    switch item {
    case .expression(let expression): return [[expression]]
    case .rollup(let groups): return (0...groups.count).reversed().map { groups.prefix($0).flatMap { $0 } }
    case .cube(let groups):
      return (0..<(1 << groups.count)).reversed().map { mask in
        groups.enumerated().filter { mask >> (groups.count - 1 - $0.offset) & 1 == 1 }.flatMap(\.element)
      }
    case .groupingSets(let members):
      return members.flatMap { member -> [[SQLExpression]] in
        switch member {
        case .expressions(let expressions): [expressions]
        case .item(let inner): sets(of: inner)
        }
      }
    }
  }

  /// The aggregation over one copy of the rows per set.
  func plan(over child: LogicalPlan, _ grouping: [NamedExpression], _ aggregates: [NamedAggregate]) throws
    -> LogicalPlan
  {
    let keys = grouping.map { Attribute($0.attribute.name, $0.attribute.type) }
    let output = child.output.map { Attribute($0.name, $0.type, isNullable: $0.isNullable) } + keys + [id, position]
    let inputs = sets.enumerated().map { index, set -> LogicalPlan in
      let copy = child
      let columns = copy.output.map { NamedExpression($0.name, .attribute($0)) }
      let keyColumns = grouping.enumerated().map { key, expression in
        NamedExpression(
          expression.attribute.name, set.contains(key) ? expression.expression : .null(expression.attribute.type))
      }
      let mask = grouping.indices.reduce(0) { $0 << 1 | (set.contains($1) ? 0 : 1) }
      let marks = [
        NamedExpression(id.name, .literal(.integer(Int64(mask)), .long)),
        NamedExpression(position.name, .literal(.integer(Int64(index)), .long)),
      ]
      return .project(columns + keyColumns + marks, copy)
    }
    let renamed = Dictionary(zip(child.output.map(\.id), output), uniquingKeysWith: { first, _ in first })
    func moved(_ expression: Expression) -> Expression {
      expression.rewritten { part in
        if case .attribute(let attribute) = part, let target = renamed[attribute.id] { .attribute(target) } else { nil }
      }
    }
    let movedAggregates = aggregates.map { aggregate in
      var copy = aggregate
      copy.function.arguments = copy.function.arguments.map(moved)
      copy.filter = copy.filter.map(moved)
      return copy
    }
    let groupingKeys = zip(grouping, keys).map { NamedExpression(nullable($0.attribute), .attribute($1)) }
    let marks = [NamedExpression(passing: id), NamedExpression(passing: position)]
    return .aggregate(
      AggregateNode(grouping: groupingKeys + marks, aggregates: movedAggregates, child: .union(inputs, output: output)))
  }

  private func nullable(_ attribute: Attribute) -> Attribute {
    var copy = attribute
    copy.isNullable = true
    return copy
  }

  /// `grouping(key)` and `grouping_id(keys…)`.
  func groupingFunction(_ name: String, _ keys: [Int], count: Int, _ analyzer: Analyzer) throws -> Expression {
    func bit(_ key: Int) throws -> Expression {
      let shifted = try analyzer.call(
        "shiftright", [.attribute(id), .literal(.integer(Int64(count - 1 - key)), .integer)])
      return try analyzer.call("&", [shifted, .literal(.integer(1), .long)])
    }
    if name == "grouping" {
      guard keys.count == 1 else {
        throw MillraceError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "grouping() takes one key")
      }
      return try bit(keys[0]).cast(to: .byte, analyzer.context)
    }
    if keys.isEmpty || keys == Array(0..<count) { return .attribute(id) }
    throw MillraceError(
      "GROUPING_ID_COLUMN_MISMATCH", "the arguments of grouping_id() must be the keys of GROUP BY in their order",
      hint: "write grouping_id()")
  }
}
