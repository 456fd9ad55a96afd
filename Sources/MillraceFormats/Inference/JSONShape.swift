import MillraceColumnar

/// What JSON values of a place look like, taken together by Spark's rules.
indirect enum JSONShape: Hashable {
  case null, boolean, long, double, string
  /// A whole number of so many digits, more than a BIGINT has.
  case decimal(digits: Int)
  case array(JSONShape)
  case object([String: JSONShape])

  /// The shape of both.
  func merged(with other: JSONShape) -> JSONShape {
    switch (self, other) {
    case (.null, let shape), (let shape, .null): return shape
    case (.array(let left), .array(let right)): return .array(left.merged(with: right))
    case (.object(let left), .object(let right)):
      return .object(left.merging(right) { $0.merged(with: $1) })
    case (.long, .double), (.double, .long), (.double, .decimal), (.decimal, .double): return .double
    case (.long, .decimal(let digits)), (.decimal(let digits), .long): return .decimal(digits: max(digits, 20))
    case (.decimal(let left), .decimal(let right)): return .decimal(digits: max(left, right))
    default: return self == other ? self : .string
    }
  }

  /// The type of a column; nil where there is nothing to keep, an object without members. What was always NULL is STRING.
  var type: DataType? {
    switch self {
    case .null, .string: .string
    case .boolean: .boolean
    case .long: .long
    case .double: .double
    case .decimal(let digits): .decimal(precision: digits, scale: 0)
    case .array(let element): element.type.map { .array(element: $0, containsNull: true) }
    case .object(let members):
      members.isEmpty ? nil : Self.fields(members).map { $0.isEmpty ? nil : .structure($0) } ?? nil
    }
  }

  /// Columns in the order of their names, as Spark has them.
  static func fields(_ members: [String: JSONShape]) -> [StructField]? {
    let names = members.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    return names.compactMap { name in members[name]?.type.map { StructField(name, $0) } }
  }
}
