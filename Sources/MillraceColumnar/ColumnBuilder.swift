import Glibc

/// Grows a column value by value, for any type. Kernels with a known type write into a `MemoryBuffer` instead;
/// typed appends (`append(int64:)`, `append(bytes:)`, …) are fit for decoders.
public final class ColumnBuilder {
  /// Type of the column.
  public let type: DataType
  /// Rows so far.
  public private(set) var count = 0
  /// Builders of elements (array), keys and values (map) or fields (struct). Append to them before closing a list or struct row.
  public let children: [ColumnBuilder]
  private var values: UnsafeMutableRawPointer
  private var capacity: Int
  private let stride: Int
  private var invalidRows: [Int32] = []
  private var arena: Arena
  private let physical: DataType.Physical
  private var listStart = 0
  private var foreignOwners: [AnyObject] = []

  /// An empty builder; `capacity` rows fit before memory grows.
  public init(_ type: DataType, capacity: Int = 16) {
    self.type = type
    physical = type.physical
    stride = physical.stride
    self.capacity = max(capacity, 1)
    values = .allocate(byteCount: self.capacity * max(stride, 1) + 64, alignment: 64)
    children = type.childTypes.map { ColumnBuilder($0) }
    arena = Arena()
  }

  deinit { values.deallocate() }

  /// Makes room for one more row and gives its address.
  @inline(__always)
  private func slot() -> UnsafeMutableRawPointer {
    if count == capacity { grow() }
    let pointer = values + count * stride
    count += 1
    return pointer
  }

  private func grow() {
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2 * max(stride, 1) + 64, alignment: 64)
    memcpy(larger, values, count * stride)
    values.deallocate()
    values = larger
    capacity *= 2
  }

  /// Appends NULL.
  public func appendNull() {
    invalidRows.append(Int32(truncatingIfNeeded: count))
    let pointer = slot()
    if stride > 0 { memset(pointer, 0, stride) }
    if physical == .list {
      // Elements appended since the last row belong to none.
      listStart = children[0].count
      pointer.storeBytes(of: ListView(offset: listStart, length: 0), as: ListView.self)
    }
    if physical == .structure { for child in children { child.appendNull() } }
  }

  /// Appends a value of the physical type `T`, which must be the builder's.
  @inline(__always)
  public func append<T>(raw value: T) {
    slot().storeBytes(of: value, as: T.self)
  }

  /// Appends a boolean.
  public func append(boolean value: Bool) { append(raw: value ? 1 as UInt8 : 0) }

  /// Appends a string or binary value, copying its bytes.
  public func append(bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return append(raw: StringView()) }
    append(
      raw: bytes.count <= StringView.inlineCapacity ? StringView(base, bytes.count) : arena.store(base, bytes.count))
  }

  /// Appends a view whose bytes `owner` keeps alive; call `keep(_:)` once for that owner.
  public func append(view: StringView) { append(raw: view) }

  /// Keeps an owner of appended views alive with the finished vector.
  public func keep(_ owner: AnyObject) { foreignOwners.append(owner) }

  /// Appends a string.
  public func append(string: String) {
    var copy = string
    copy.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Closes an array or map row: all elements appended to the children since the last row belong to it.
  public func appendList() {
    let end = children[0].count
    append(raw: ListView(offset: listStart, length: end - listStart))
    listStart = end
  }

  /// Closes a struct row: one value was appended to every child.
  public func appendStructure() { _ = slot() }

  /// Appends a value; its case must fit the type.
  public func append(_ value: Value) {
    switch (value, physical) {
    case (.null, _): appendNull()
    case (.boolean(let flag), _): append(boolean: flag)
    case (.integer(let number), .int8): append(raw: Int8(truncatingIfNeeded: number))
    case (.integer(let number), .int16): append(raw: Int16(truncatingIfNeeded: number))
    case (.integer(let number), .int32): append(raw: Int32(truncatingIfNeeded: number))
    case (.integer(let number), .int64): append(raw: number)
    case (.double(let number), .float): append(raw: Float(number))
    case (.double(let number), _): append(raw: number)
    case (.decimal(let number), _): append(raw: number)
    case (.string(let text), _): append(string: text)
    case (.binary(let bytes), _): bytes.withUnsafeBytes { append(bytes: $0) }
    case (.interval(let interval), _): append(raw: interval)
    case (.array(let elements), _):
      for element in elements { children[0].append(element) }
      appendList()
    case (.map(let entries), _):
      for entry in entries {
        children[0].append(entry.key)
        children[1].append(entry.value)
      }
      appendList()
    case (.structure(let fields), _):
      for (child, field) in zip(children, fields) { child.append(field) }
      appendStructure()
    case (.integer, _): preconditionFailure("an integer value was appended to a column of type \(type)")
    }
  }

  /// The finished vector. The builder is empty afterwards and can be used again.
  public func finish() -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * stride)
    memcpy(buffer.base, values, count * stride)
    var validity: Bitmap?
    if !invalidRows.isEmpty {
      let bits = Bitmap(count: count, all: true)
      for row in invalidRows { bits.clear(Int(row)) }
      validity = bits
    }
    let vector = ColumnVector(
      type: type, count: count, values: buffer, validity: validity, children: children.map { $0.finish() },
      owners: arena.owners + foreignOwners)
    count = 0
    listStart = 0
    invalidRows.removeAll(keepingCapacity: true)
    foreignOwners = []
    arena = Arena()
    return vector
  }
}
