import MillraceColumnar
import MillraceExpressions

/// The columns that a name may mean at some place of a query.
struct Scope {
  /// Columns, with their qualifiers.
  var columns: [Attribute]
  /// Columns that only `*` leaves out: the right-hand duplicates of JOIN USING, and what tells the files of rows.
  var hidden: [Attribute] = []
  /// The columns of both sides of JOIN USING, of which `*` shows one and `t.*` its own.
  var mergedKeys: [Attribute] = []
  /// The enclosing query's columns, for correlated subqueries.
  indirect enum Outer {
    case none
    case scope(Scope)
  }
  var outer: Outer = .none

  init(_ columns: [Attribute], outer: Outer = .none) {
    self.columns = columns
    self.outer = outer
  }

  /// The columns of a plan.
  init(of plan: LogicalPlan, outer: Outer = .none) {
    self.init(plan.output, outer: outer)
    hidden = Array(plan.reachable.dropFirst(columns.count))
  }

  /// A column found by the first parts of a name, and the parts that are left as a field path.
  struct Match {
    var attribute: Attribute
    var path: ArraySlice<String>
  }

  /// The column that `parts` name in this scope; nil when there is none. Throws `AMBIGUOUS_REFERENCE`.
  func match(_ parts: [String]) throws -> Match? {
    if let match = try match(parts, among: columns) { return match }
    return try match(parts, among: hidden)
  }

  private func match(_ parts: [String], among columns: [Attribute]) throws -> Match? {
    let lowered = parts.map { $0.lowercased() }
    // Qualified readings first: `t.a` is column a of t before it is field a of column t.
    for length in stride(from: lowered.count - 1, through: 0, by: -1) {
      let qualifier = Array(lowered[..<length])
      let name = lowered[length]
      var found: [Attribute] = []
      for column in columns where column.name.lowercased() == name && column.isQualified(by: qualifier) {
        if !found.contains(column) { found.append(column) }
      }
      if found.count > 1 {
        let names = found.map { ($0.qualifier + [$0.name]).map { "`\($0)`" }.joined(separator: ".") }
        throw MillraceError(
          "AMBIGUOUS_REFERENCE",
          "reference `\(parts.joined(separator: "."))` is ambiguous, could be: [\(names.joined(separator: ", "))]",
          hint: "put the table's name or alias in front")
      }
      if let column = found.first { return Match(attribute: column, path: parts[(length + 1)...]) }
    }
    return nil
  }

  /// Columns of `qualifier.*`, or of `*`.
  func star(_ qualifier: [String]) -> [Attribute] {
    if qualifier.isEmpty { return columns }
    let lowered = qualifier.map { $0.lowercased() }
    return (mergedKeys.filter { !columns.contains($0) } + columns).filter { $0.isQualified(by: lowered) }
  }
}

extension Attribute {
  /// The parts of a name that means this column whatever others are called.
  var identity: [String] { ["\u{0}\(id)"] }

  /// The column that such a name means; nil for other names.
  static func id(ofIdentity part: String) -> Int? { part.hasPrefix("\u{0}") ? Int(part.dropFirst()) : nil }

  /// Whether the (lower-case) parts are the end of the column's qualifier.
  func isQualified(by parts: [String]) -> Bool {
    parts.isEmpty
      || qualifier.count >= parts.count
        && zip(qualifier.suffix(parts.count), parts).allSatisfy { $0.lowercased() == $1 }
  }
}
