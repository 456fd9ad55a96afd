public import MillraceColumnar
import Synchronization

/// A column of some plan's output, told apart from all others by its id, whatever its name.
public struct Attribute: Hashable, Sendable {
  /// Identity; unique in the process.
  public let id: Int
  /// The name as it comes out, spelled as the query spells it; names may repeat within one plan.
  public var name: String
  /// The type of the column's values.
  public var type: DataType
  /// Whether NULL may occur in the column.
  public var isNullable: Bool
  /// Names that may stand before the column's, for instance the table's alias.
  public var qualifier: [String]

  private static let counter = Atomic<Int>(1)

  /// A new attribute with a fresh id.
  public init(_ name: String, _ type: DataType, isNullable: Bool = true, qualifier: [String] = []) {
    id = Attribute.counter.wrappingAdd(1, ordering: .relaxed).newValue
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.qualifier = qualifier
  }

  /// The same column under another qualifier.
  public func qualified(_ qualifier: [String]) -> Attribute {
    var copy = self
    copy.qualifier = qualifier
    return copy
  }

  /// The column as a field of a schema.
  public var field: StructField { StructField(name, type, isNullable: isNullable) }

  /// Attributes are the same if their ids are.
  public static func == (left: Attribute, right: Attribute) -> Bool { left.id == right.id }

  /// Hashes the id.
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
