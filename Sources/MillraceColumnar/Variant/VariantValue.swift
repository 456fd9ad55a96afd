/// One VARIANT value in memory: JSON's values and SQL's atomic values, in an encoding of our own.
///
/// A value is a tag byte and what follows it up to the end of its bytes, so that each part of an array or object is a value by
/// itself: taking a part copies nothing. Arrays and objects write their parts first and a table of places behind them:
///
/// - array: tag, parts, end of each part (`UInt32`), number of parts (`UInt32`);
/// - object: tag, name and value of each field, then for each field, ordered by name, the start of the name, the start and the
///   end of the value (3 × `UInt32`), number of fields (`UInt32`).
///
/// Places count from the byte after the tag. All numbers are little-endian and not aligned. Only `VariantWriter` makes such bytes.
public struct VariantValue {
  /// What a value is; the raw value is its tag.
  public enum Kind: UInt8, Sendable {
    /// JSON's null, which is not SQL's NULL.
    case null
    /// `false`
    case `false`
    /// `true`
    case `true`
    /// A whole number of at most 64 bits.
    case long
    /// A DOUBLE.
    case double
    /// A FLOAT, which JSON never gives.
    case float
    /// A DECIMAL without trailing zeros: its scale and 128 bits.
    case decimal
    /// A DATE.
    case date
    /// A TIMESTAMP.
    case timestamp
    /// A TIMESTAMP_NTZ.
    case timestampNTZ
    /// Text.
    case string
    /// Bytes.
    case binary
    /// A list of values.
    case array
    /// Values by name.
    case object
  }

  /// The tag and all that belongs to the value.
  public let bytes: UnsafeRawBufferPointer

  /// The value of some bytes that `VariantWriter` made; the caller keeps them alive.
  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// What the value is. No bytes count as null.
  public var kind: Kind { bytes.first.flatMap { Kind(rawValue: $0) } ?? .null }

  /// What follows the tag.
  public var payload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) }

  /// The number that follows the tag; its width must be that of the kind.
  public func number<T: BitwiseCopyable>(as _: T.Type, at offset: Int = 0) -> T {
    bytes.loadUnaligned(fromByteOffset: 1 + offset, as: T.self)
  }

  /// Scale and unscaled number of a decimal.
  public var decimal: (unscaled: Int128, scale: Int) { (number(as: Int128.self, at: 1), Int(number(as: UInt8.self))) }

  /// Number of elements of an array or fields of an object, 0 for all others.
  public var count: Int {
    guard kind == .array || kind == .object else { return 0 }
    return Int(bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self))
  }

  private func place(_ index: Int, of places: Int) -> Int {
    Int(bytes.loadUnaligned(fromByteOffset: bytes.count - 4 - 4 * (places - index), as: UInt32.self))
  }

  private func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[(1 + range.lowerBound)..<(1 + range.upperBound)])
  }

  /// Element `index` of an array.
  public func element(_ index: Int) -> VariantValue {
    let total = count
    return VariantValue(slice((index == 0 ? 0 : place(index - 1, of: total))..<place(index, of: total)))
  }

  /// Name of field `index` of an object, in the order of names.
  public func name(_ index: Int) -> UnsafeRawBufferPointer {
    let places = 3 * count
    return slice(place(3 * index, of: places)..<place(3 * index + 1, of: places))
  }

  /// Value of field `index` of an object, in the order of names.
  public func field(_ index: Int) -> VariantValue {
    let places = 3 * count
    return VariantValue(slice(place(3 * index + 1, of: places)..<place(3 * index + 2, of: places)))
  }

  /// Value of the field of a name, nil if there is none.
  public func field(named wanted: UnsafeRawBufferPointer) -> VariantValue? {
    var low = 0, high = kind == .object ? count : 0
    while low < high {
      let middle = (low + high) / 2
      switch VariantWriter.compare(name(middle), wanted) {
      case 0: return field(middle)
      case ..<0: low = middle + 1
      default: high = middle
      }
    }
    return nil
  }
}
