public import MillraceColumnar

/// A function that gives any number of rows for one, such as `explode`.
public struct Generator: Sendable {
  /// Lower-case name.
  public let name: String
  /// Columns of the generated rows with their default names (`col`, `pos`, `key`, `value`).
  public let output: [StructField]
  /// Arguments with casts inserted.
  public let arguments: [Expression]
  /// Computes all rows of a batch: `parents[j]` is the input row that row j of `columns` came from, ascending. With `isOuter` an
  /// input row without results gives one row of NULLs.
  public let kernel: @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ isOuter: Bool) throws -> GeneratedRows

  /// Makes a bound generator.
  public init(
    _ name: String, output: [StructField], arguments: [Expression],
    kernel: @escaping @Sendable ([ColumnVector], Int, Bool) throws -> GeneratedRows
  ) {
    self.name = name
    self.output = output
    self.arguments = arguments
    self.kernel = kernel
  }
}

/// Rows that a generator made.
public struct GeneratedRows: Sendable {
  /// For each generated row, the input row that it came from; ascending.
  public var parents: Selection
  /// One vector per column of `Generator.output`, each as long as `parents`.
  public var columns: [ColumnVector]

  /// Makes a result.
  public init(parents: Selection, columns: [ColumnVector]) {
    self.parents = parents
    self.columns = columns
  }
}
