// Values as Swift literals: rows of tests and small tables, such as `[["a", 1], ["b", 2.5]]`.

extension Value: ExpressibleByStringLiteral {
  /// A STRING.
  public init(stringLiteral text: String) { self = .string(text) }
}

extension Value: ExpressibleByIntegerLiteral {
  /// A whole number, for every type that is kept as one.
  public init(integerLiteral number: Int64) { self = .integer(number) }
}

extension Value: ExpressibleByFloatLiteral {
  /// A FLOAT or DOUBLE.
  public init(floatLiteral number: Double) { self = .double(number) }
}

extension Value: ExpressibleByBooleanLiteral {
  /// A BOOLEAN.
  public init(booleanLiteral flag: Bool) { self = .boolean(flag) }
}
