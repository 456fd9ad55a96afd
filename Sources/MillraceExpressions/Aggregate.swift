public import MillraceColumnar

/// An aggregate function by name.
public struct AggregateFunction: Sendable {
  /// Names in lower case; the first is canonical.
  public let names: [String]
  /// One sentence.
  public let summary: String
  /// A call that the documentation test runs over a small table.
  public let example: String
  /// Checks and coerces the arguments. `count(*)` is called with no argument.
  public let bind: @Sendable (_ arguments: [Expression], _ context: BindingContext) throws -> BoundAggregate

  /// Makes a function.
  public init(
    names: [String], summary: String, example: String,
    bind: @escaping @Sendable ([Expression], BindingContext) throws -> BoundAggregate
  ) {
    self.names = names
    self.summary = summary
    self.example = example
    self.bind = bind
  }

  /// Makes a function.
  public init(
    _ names: String..., summary: String, example: String,
    bind: @escaping @Sendable ([Expression], BindingContext) throws -> BoundAggregate
  ) {
    self.names = names
    self.summary = summary
    self.example = example
    self.bind = bind
  }
}

/// An aggregate with its types settled.
public struct BoundAggregate: Sendable {
  /// Lower-case name, for instance `approx_count_distinct`.
  public var name: String
  /// Evaluated per row before accumulation, casts included.
  public var arguments: [Expression]
  /// The type of the result, known before any row was seen.
  public var type: DataType
  /// Whether the result can be NULL, for instance for a group without rows or with NULLs only.
  public var isNullable: Bool
  /// Types of the columns that carry a partial result. Only flat types (no array, map or struct): what is nested is
  /// written into a BINARY column. They are what state stores keep, so a change of them breaks old checkpoints.
  public var stateTypes: [DataType]
  /// Whether the result may depend on the order in which rows or partial results arrive (floating sums, `first`, `collect_list`).
  public var isOrderSensitive: Bool
  /// What beside name and types a checkpoint with its state depends on, in words; empty for the built-in functions.
  public var stateLayout = ""
  /// Makes an empty accumulator.
  public var makeAccumulator: @Sendable () -> any Accumulator

  /// Makes a bound aggregate.
  public init(
    _ name: String, arguments: [Expression], type: DataType, isNullable: Bool = true, stateTypes: [DataType],
    isOrderSensitive: Bool = false, makeAccumulator: @escaping @Sendable () -> any Accumulator
  ) {
    self.name = name
    self.arguments = arguments
    self.type = type
    self.isNullable = isNullable
    self.stateTypes = stateTypes
    self.isOrderSensitive = isOrderSensitive
    self.makeAccumulator = makeAccumulator
  }
}

/// An accumulator that can leave counting rows to the table that finds their groups.
public protocol RowCountingAccumulator: Accumulator {
  /// The count of each group where every row counts, whatever its values; nil where it depends on them. Others may add to it.
  var rowCounts: UnsafeMutablePointer<Int64>? { get }
}

/// An accumulator that can give partial results of some groups in a time that does not grow with the others. Groups of a streaming
/// aggregation whose accumulators all can stay in them from batch to batch.
public protocol SelectiveAccumulator: Accumulator {
  /// Partial results of `count` groups in the given order as columns of `stateTypes`.
  func states(of groups: UnsafePointer<UInt32>, count: Int) throws -> [ColumnVector]
}

/// Partial results of one aggregate for groups numbered from 0. Used by one thread at a time.
///
/// Calls come in any order after `reserve`; every group number is below the last reserved count.
public protocol Accumulator: AnyObject {
  /// Makes room for groups `0 ..< groupCount`; new ones are empty. Never shrinks.
  func reserve(groupCount: Int)
  /// Adds row r of the arguments to group `groups[r]`, for all rows.
  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws
  /// Adds row r of partial results (columns of `stateTypes`) to group `groups[r]`.
  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws
  /// Partial results of groups `0 ..< groupCount` as columns of `stateTypes`.
  func states(groupCount: Int) throws -> [ColumnVector]
  /// Final results of groups `0 ..< groupCount`.
  func finish(groupCount: Int) throws -> ColumnVector
}
