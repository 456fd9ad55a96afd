import MillraceExpressions
import MillraceFormats
import MillracePlan

/// The parts of a condition on rows that the path of their file decides.
struct FileFilter {
  private let decoding: FileColumnsDecoding
  /// The columns that the condition reads, as positions in the decoding's schema.
  private let columns: [Int]
  private let condition: FilterOperator

  /// Nil if no part of the condition reads only such columns.
  init?(_ condition: Expression, _ leaf: LeafRelation, _ binding: ScanBinding) throws {
    guard case .bytes(_, let decoding as FileColumnsDecoding) = binding.input else { return nil }
    let told = zip(leaf.output, leaf.columns).filter { decoding.isOfFile($1) }
    let ids = Set(told.map(\.0.id))
    let parts = condition.conjuncts.filter { part in
      !part.references.isEmpty && part.references.isSubset(of: ids) && part.isDeterministic && !part.canFail
    }
    guard let whole = Expression.conjunction(parts) else { return nil }
    self.decoding = decoding
    columns = told.map(\.1)
    self.condition = try FilterOperator(whole, input: told.map(\.0))
  }

  /// Whether rows of the file at `path` may be wanted.
  func passes(_ path: String, _ context: TaskContext) throws -> Bool {
    try condition.apply(decoding.row(of: path, columns), context) != nil
  }
}
