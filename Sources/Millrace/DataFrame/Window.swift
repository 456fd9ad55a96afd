import MillraceColumnar
import MillraceSQL

/// Begins the description of a window of rows for functions with `over`. Windows of rows are for bounded data; over a stream,
/// group by `window(time, duration)`.
public enum Window {
  /// The first row of the partition.
  public static let unboundedPreceding = Int64.min
  /// The row itself.
  public static let currentRow: Int64 = 0
  /// The last row of the partition.
  public static let unboundedFollowing = Int64.max

  /// Rows with equal values in the named columns are one partition.
  public static func partitionBy(_ names: String...) -> WindowSpec {
    WindowSpec().partitioned(names.map { Column($0) })
  }
  /// Rows with equal values are one partition.
  public static func partitionBy(_ columns: Column...) -> WindowSpec { WindowSpec().partitioned(columns) }
  /// All rows are one partition, in the order of the named columns.
  public static func orderBy(_ names: String...) -> WindowSpec { WindowSpec().ordered(names.map { Column($0) }) }
  /// All rows are one partition, in the order of the columns.
  public static func orderBy(_ columns: Column...) -> WindowSpec { WindowSpec().ordered(columns) }
}

/// Which rows a window function looks at: a partition, its order, and a frame around the present row.
public struct WindowSpec: Sendable {
  private(set) var specification: Result<WindowSpecification, any Error> = .success(WindowSpecification())

  init() {}

  private func with(_ change: (inout WindowSpecification) throws -> Void) -> WindowSpec {
    var copy = self
    copy.specification = specification.flatMap { before in
      Result {
        var after = before
        try change(&after)
        return after
      }
    }
    return copy
  }

  func partitioned(_ columns: [Column]) -> WindowSpec {
    with { $0.partitionBy = try columns.map { try $0.checked() } }
  }

  func ordered(_ columns: [Column]) -> WindowSpec { with { $0.orderBy = try columns.map { try $0.checkedSortItem() } } }

  /// Rows with equal values in the named columns are one partition.
  public func partitionBy(_ names: String...) -> WindowSpec { partitioned(names.map { Column($0) }) }
  /// Rows with equal values are one partition.
  public func partitionBy(_ columns: Column...) -> WindowSpec { partitioned(columns) }
  /// The order within a partition.
  public func orderBy(_ names: String...) -> WindowSpec { ordered(names.map { Column($0) }) }
  /// The order within a partition.
  public func orderBy(_ columns: Column...) -> WindowSpec { ordered(columns) }

  /// The frame by number of rows before (negative) and after the present row; see the constants of ``Window``.
  public func rowsBetween(_ start: Int64, _ end: Int64) -> WindowSpec { framed(.rows, start, end) }
  /// The frame by distance of the one sort key.
  public func rangeBetween(_ start: Int64, _ end: Int64) -> WindowSpec { framed(.range, start, end) }

  private func framed(_ unit: WindowSpecification.Frame.Unit, _ start: Int64, _ end: Int64) -> WindowSpec {
    with {
      $0.frame = WindowSpecification.Frame(unit, start: WindowSpec.bound(start), end: WindowSpec.bound(end))
    }
  }

  private static func bound(_ distance: Int64) -> WindowSpecification.Frame.Bound {
    switch distance {
    case Window.unboundedPreceding: .unboundedPreceding
    case Window.unboundedFollowing: .unboundedFollowing
    case 0: .currentRow
    case ..<0: .preceding(lit(Int(-distance)).expression)
    default: .following(lit(Int(distance)).expression)
    }
  }
}
