import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// What `*`, `t.*` and `* EXCEPT (a, s.b)` stand for.
extension Scope {
  /// The columns, or fields of a struct, that a star stands for, with their names. Of a struct from which only fields are left out
  /// there is a new one with those that stay; where the struct is NULL, they are.
  func expanded(
    star qualifier: [String], except: [[String]], at range: SourceRange, by analyzer: Analyzer
  ) throws -> [(name: String, expression: SQLExpression)] {
    let items = try starItems(qualifier)
    let attributes = items.map(\.attribute)
    var leftOut: [[ArraySlice<String>]] = Array(repeating: [], count: items.count)
    for name in except {
      guard let match = try Scope(attributes).match(name) else {
        throw analyzer.unresolvedColumn(name, among: attributes)
      }
      for index in items.indices where attributes[index] == match.attribute { leftOut[index].append(match.path) }
    }
    return try zip(items, leftOut).compactMap { item, paths in
      let whole = SQLExpression(.column(item.parts), range)
      guard let rest = paths.isEmpty ? whole : try rest(of: item.parts, item.attribute.type, without: paths) else {
        return nil
      }
      return (item.attribute.name, rest)
    }
  }

  /// A column of a star, and how it is found whatever its name: by identity, and as a field of it.
  private typealias StarItem = (attribute: Attribute, parts: [String])

  private func starItems(_ qualifier: [String]) throws -> [StarItem] {
    let columns = star(qualifier)
    if !columns.isEmpty || qualifier.isEmpty { return columns.map { ($0, $0.identity) } }
    guard let match = try match(qualifier) else { throw Self.noTable(qualifier) }
    let base = match.attribute.identity + match.path
    let type = match.path.reduce(match.attribute.type as DataType?) { type, name in
      type?.fields?.first { $0.name.lowercased() == name.lowercased() }?.type
    }
    guard let fields = type?.fields else { throw Self.noTable(qualifier) }
    return fields.map { (Attribute($0.name, $0.type), base + [$0.name]) }
  }

  private static func noTable(_ qualifier: [String]) -> MillraceError {
    MillraceError("CANNOT_RESOLVE_STAR_EXPAND", "`\(qualifier.joined(separator: "."))`.* names no table here")
  }

  /// What is left of a value without the fields at `paths`; nil where one of them is the value itself.
  private func rest(of parts: [String], _ type: DataType, without paths: [ArraySlice<String>]) throws -> SQLExpression?
  {
    if paths.contains(where: \.isEmpty) {
      guard paths.count == 1 else {
        throw MillraceError(
          "EXCEPT_OVERLAPPING_COLUMNS", "`\(parts.last ?? "")` or a part of it stands twice in EXCEPT",
          hint: "name each column once, either the whole or its fields")
      }
      return nil
    }
    guard let fields = type.fields else {
      throw MillraceError(
        "EXCEPT_NESTED_COLUMN_INVALID_TYPE", "EXCEPT names a field of a value of type \(type.sql), which has none")
    }
    var leftOut: [[ArraySlice<String>]] = Array(repeating: [], count: fields.count)
    for path in paths {
      leftOut[try CollectionAccess.fieldIndex(fields, path[path.startIndex])].append(path.dropFirst())
    }
    let kept = try zip(fields, leftOut).compactMap { field, paths -> FunctionCall.Argument? in
      let value = parts + [field.name]
      let kept =
        paths.isEmpty ? SQLExpression(.column(value)) : try rest(of: value, field.type, without: paths)
      return kept.map { FunctionCall.Argument(SQLExpression(.alias($0, [field.name]))) }
    }
    return SQLExpression(.call(FunctionCall(["struct"], kept)))
  }
}
