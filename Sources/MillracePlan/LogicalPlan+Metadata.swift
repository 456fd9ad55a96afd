public import MillraceColumnar
import MillraceCore
public import MillraceExpressions

/// Columns that tell what file a row is from belong to every scan of files, but come out of it only where an expression above names them.
/// So names are resolved against them, too, and a plan that is resolved is made to pass on what was named, as Spark does.
extension LogicalPlan {
  /// The columns of the scans below that can be asked for.
  var metadataOutput: [Attribute] {
    switch self {
    case .relation(let leaf): return leaf.metadata.map { [$0.attribute] } ?? []
    case .project, .filter, .sort, .limit, .watermark, .generate, .window, .observe:
      return children.flatMap(\.metadataOutput)
    case .alias(let qualifier, let child): return child.metadataOutput.map { $0.qualified(qualifier) }
    case .join(let node):
      return node.left.metadataOutput + (node.kind.keepsLeftOnly ? [] : node.right.metadataOutput)
    case .aggregate, .deduplicate, .union, .setOperation, .transform: return []
    }
  }

  /// All columns that an expression above can name.
  var reachable: [Attribute] { output + metadataOutput.filter { !output.contains($0) } }

  /// The plan with scans that give the columns of files that expressions of the plan name.
  func exposingMetadata() -> LogicalPlan {
    var offered: Set<Int> = []
    var named: Set<Int> = []
    forEach { node in
      if case .relation(let leaf) = node, let metadata = leaf.metadata { offered.insert(metadata.attribute.id) }
      for expression in node.expressions { named.formUnion(expression.references) }
    }
    let wanted = offered.intersection(named)
    return wanted.isEmpty ? self : exposed(wanted, above: []).cut(to: output)
  }

  /// `above` is what nodes above this one name.
  private func exposed(_ wanted: Set<Int>, above: Set<Int>) -> LogicalPlan {
    let own = expressions.reduce(into: Set<Int>()) { $0.formUnion($1.references.intersection(wanted)) }
    let below = own.union(above)
    switch self {
    case .relation(var leaf):
      if let metadata = leaf.metadata, above.contains(metadata.attribute.id), !leaf.output.contains(metadata.attribute)
      {
        leaf.output.append(metadata.attribute)
        leaf.columns.append(metadata.column)
      }
      return .relation(leaf)
    case .project(let columns, let child):
      let inner = child.exposed(wanted, above: below)
      let passed = inner.output.filter { column in
        above.contains(column.id) && !columns.contains { $0.attribute == column }
      }
      return .project(columns + passed.map { NamedExpression(passing: $0) }, inner)
    case .union, .setOperation, .transform:
      return mapChildren { $0.exposed(wanted, above: []).cut(to: $0.output) }
    case .aggregate, .deduplicate: return mapChildren { $0.exposed(wanted, above: own) }
    default: return mapChildren { $0.exposed(wanted, above: below) }
    }
  }

  /// Only these of the columns, in this order.
  private func cut(to columns: [Attribute]) -> LogicalPlan {
    output == columns ? self : .project(columns.map { NamedExpression(passing: $0) }, self)
  }
}

extension AnalyzedQuery.Subquery {
  /// The same for a subquery that runs before the plan.
  func exposingMetadata() -> Self {
    var copy = self
    copy.plan = plan.exposingMetadata()
    if case .recursion(let step, let previous, let levels, let rows) = form {
      copy.form = .recursion(step: step.exposingMetadata(), previous: previous, levelLimit: levels, rowLimit: rows)
    }
    return copy
  }
}

extension LeafRelation {
  /// A scan of a source with new attributes for its columns. A source that names files has the column `_metadata` behind the others.
  public init(
    name: String, scan id: Int, _ schema: Schema, isStreaming: Bool, namesFiles: Bool, qualifier: [String] = []
  ) {
    let columns = schema.fields.map { Attribute($0.name, $0.type, isNullable: $0.isNullable, qualifier: qualifier) }
    self.init(name: name, output: columns, content: .scan(id: id, isStreaming: isStreaming))
    if namesFiles {
      let attribute = Attribute(
        FileMetadata.columnName, FileMetadata.type, isNullable: false, qualifier: qualifier)
      metadata = Metadata(attribute, column: columns.count)
    }
  }

  /// A column that comes out only where it is named.
  public struct Metadata: Sendable {
    /// The column.
    public var attribute: Attribute
    /// Its position in the source's own schema.
    public var column: Int

    /// A column at a position.
    public init(_ attribute: Attribute, column: Int) {
      self.attribute = attribute
      self.column = column
    }
  }
}
