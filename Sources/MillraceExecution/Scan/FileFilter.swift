import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceFormats
import MillracePlan
import Synchronization

/// The parts of a condition on rows that the path of their file decides.
final class FileFilter: Sendable {
  private let decoding: FileColumnsDecoding
  /// The columns that the condition reads, as positions in the decoding's schema.
  private let columns: [Int]
  private let condition: Evaluator
  /// Whether it is the same for all files of a folder.
  private let isOfFolder: Bool
  /// What came out for folders then.
  private let known = Mutex<[String: Bool]>([:])

  /// Nil if no part of the condition reads only such columns.
  init?(_ condition: Expression, _ leaf: LeafRelation, _ binding: ScanBinding) throws {
    guard case .bytes(_, let decoding as FileColumnsDecoding) = binding.input else { return nil }
    let ofFile = zip(leaf.output, leaf.columns).filter { decoding.isOfFile($1) }
    let parts = condition.conjuncts.filter { part in
      !part.references.isEmpty && part.references.isSubset(of: ofFile.map(\.0.id)) && part.isDeterministic
        && !part.canFail
    }
    guard let whole = Expression.conjunction(parts) else { return nil }
    let read = ofFile.filter { whole.references.contains($0.0.id) }
    self.decoding = decoding
    columns = read.map(\.1)
    self.condition = try Evaluator([whole], input: read.map(\.0))
    isOfFolder = columns.allSatisfy(decoding.isOfFolder)
  }

  /// Whether rows of the file at `path` may be wanted.
  func mayPass(_ path: String) throws -> Bool {
    guard isOfFolder else { return try evaluate(path) }
    let folder = FilePath.parent(path)
    if let known = known.withLock({ $0[folder] }) { return known }
    let result = try evaluate(path)
    known.withLock { $0[folder] = result }
    return result
  }

  private func evaluate(_ path: String) throws -> Bool {
    try condition.select(decoding.row(of: path, columns), EvaluationContext()).count > 0
  }
}
