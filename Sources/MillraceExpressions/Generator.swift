public import MillraceColumnar

/// A function that gives any number of rows for one, such as `explode`.
public struct Generator: Sendable {
  /// Lower-case name.
  public let name: String
  /// Columns of the generated rows with their default names (`col`, `pos`, `key`, `value`).
  public let output: [StructField]
  /// Arguments with casts inserted.
  public let arguments: [Expression]
  /// Computes all rows of a batch.
  public let kernel: @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ wish: Wish) throws -> GeneratedRows

  /// What is wanted of a generator beside its columns.
  public struct Wish: Sendable {
    /// Whether an input row without results gives one row of NULLs.
    public var isOuter: Bool
    /// Whether anyone asks which input row a generated one came from; if not, `GeneratedRows.parents` may be empty.
    public var wantsParents: Bool

    /// Makes a wish.
    public init(isOuter: Bool, wantsParents: Bool = true) {
      self.isOuter = isOuter
      self.wantsParents = wantsParents
    }
  }

  /// Makes a bound generator.
  public init(
    _ name: String, output: [StructField], arguments: [Expression],
    kernel: @escaping @Sendable ([ColumnVector], Int, Wish) throws -> GeneratedRows
  ) {
    self.name = name
    self.output = output
    self.arguments = arguments
    self.kernel = kernel
  }
}

/// Rows that a generator made.
public struct GeneratedRows: Sendable {
  /// Number of generated rows.
  public var count: Int
  /// For each generated row, the input row that it came from, ascending; empty if that was not wanted.
  public var parents: Selection
  /// One vector of `count` rows per column of `Generator.output`.
  public var columns: [ColumnVector]

  /// Makes a result; `count` where it is not the number of parents.
  public init(parents: Selection, columns: [ColumnVector], count: Int? = nil) {
    self.count = count ?? parents.count
    self.parents = parents
    self.columns = columns
  }
}
