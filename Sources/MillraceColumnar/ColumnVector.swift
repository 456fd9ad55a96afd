/// The values of one column for the rows of one batch. Immutable once made; counted per batch, never per value.
///
/// `values` has `type.physical.stride` bytes per row; the value of a null row has no meaning but is always readable.
/// A constant vector holds one value that stands for all `count` rows.
public final class ColumnVector: @unchecked Sendable {
  /// What the rows mean and, through `type.physical`, how many bytes of `values` each takes.
  public let type: DataType
  /// Number of rows.
  public let count: Int
  /// Which rows are not null; nil when none is null. A constant vector has one bit.
  public let validity: Bitmap?
  /// Whether one stored value stands for all rows.
  public let isConstant: Bool
  /// Vectors of elements (array), keys and values (map) or fields (struct).
  public let children: [ColumnVector]
  /// What must stay alive as long as string views of this vector are read.
  public let owners: [AnyObject]
  /// The memory of the values.
  public let buffer: MemoryBuffer
  /// First value.
  @usableFromInline let base: UnsafeMutableRawPointer

  /// Takes filled memory. `owners` must hold whatever long string views point into.
  public init(
    type: DataType, count: Int, values: MemoryBuffer, validity: Bitmap? = nil, isConstant: Bool = false,
    children: [ColumnVector] = [], owners: [AnyObject] = []
  ) {
    self.type = type
    self.count = count
    self.validity = validity
    self.isConstant = isConstant
    self.children = children
    self.owners = owners
    buffer = values
    base = values.base
  }

  /// The values as `T`, which must be the physical type. One value only if `isConstant`.
  @inlinable
  public func values<T>(as type: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer(base.assumingMemoryBound(to: T.self))
  }

  /// String views.
  @inlinable public var views: UnsafePointer<StringView> { values(as: StringView.self) }

  /// Index of the stored value of `row`.
  @inlinable public func slot(_ row: Int) -> Int { isConstant ? 0 : row }

  /// Whether `row` is null.
  @inlinable
  public func isNull(_ row: Int) -> Bool {
    guard let validity else { return false }
    return !validity[slot(row)]
  }

  /// Whether some row may be null.
  @inlinable public var mayHaveNulls: Bool { validity != nil }

  /// Rows that are null.
  public var nullCount: Int {
    guard let validity else { return 0 }
    return isConstant ? (validity[0] ? 0 : count) : count - validity.setCount
  }

  /// The bytes of a string or binary value, valid while this vector lives.
  @inlinable
  public func bytes(_ row: Int) -> UnsafeRawBufferPointer {
    let pointer = views + slot(row)
    let length = pointer.pointee.count
    return pointer.pointee.isInline
      ? UnsafeRawBufferPointer(start: UnsafeRawPointer(pointer) + 4, count: length)
      : UnsafeRawBufferPointer(start: pointer.pointee.address, count: length)
  }

  /// The same values under another type of the same physical layout.
  public func retyped(_ type: DataType) -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: buffer, validity: validity, isConstant: isConstant, children: children,
      owners: owners)
  }

  /// The same values with other nulls.
  public func withValidity(_ validity: Bitmap?) -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: buffer, validity: validity, isConstant: isConstant, children: children,
      owners: owners)
  }

  /// A constant vector stretched to another number of rows.
  public func constant(count: Int) -> ColumnVector {
    precondition(isConstant, "only a constant vector can be stretched")
    return ColumnVector(
      type: type, count: count, values: buffer, validity: validity, isConstant: true, children: children, owners: owners
    )
  }

  /// A struct vector of `children`, each with `count` rows.
  public static func structure(
    _ fields: [StructField], _ children: [ColumnVector], count: Int, validity: Bitmap? = nil
  ) -> ColumnVector {
    ColumnVector(
      type: .structure(fields), count: count, values: MemoryBuffer(capacity: 0), validity: validity, children: children)
  }

  /// `count` nulls of a type.
  public static func nulls(_ type: DataType, count: Int) -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: .zeroed(type.physical.stride), validity: Bitmap(count: 1, all: false),
      isConstant: true, children: type.childTypes.map { .nulls($0, count: type.physical == .structure ? 1 : 0) })
  }
}
