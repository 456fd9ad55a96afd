import Glibc

/// Writes VARIANT values one after the other into a buffer, in the encoding that `VariantValue` describes.
public struct VariantWriter {
  private let out: ByteBuffer
  /// Places of the parts of arrays and objects that are open; each closes over its own end of the list.
  private var places: [UInt32] = []
  private var fields: [Field] = []

  private struct Field {
    var name: UInt32
    var value: UInt32
    var end: UInt32
  }

  /// An array or object that is being written.
  public struct Opened {
    fileprivate let start: Int
    fileprivate let firstPart: Int
  }

  /// A writer that appends to a buffer.
  public init(_ out: ByteBuffer) { self.out = out }

  // MARK: Atomic values

  /// Writes a value without payload: null, false or true.
  public func append(_ kind: VariantValue.Kind) { out.append(kind.rawValue) }

  /// Writes a number under a kind whose width it has.
  public func append<T: BitwiseCopyable>(_ kind: VariantValue.Kind, _ value: T) {
    out.append(kind.rawValue)
    out.append(raw: value)
  }

  /// Writes text or bytes.
  public func append(_ kind: VariantValue.Kind, bytes: UnsafeRawBufferPointer) {
    out.append(kind.rawValue)
    out.append(bytes)
  }

  /// Writes a decimal without its trailing zeros.
  public func append(decimal: Int128, scale: Int) {
    var unscaled = decimal
    var scale = scale
    while scale > 0 && unscaled % 10 == 0 {
      unscaled /= 10
      scale -= 1
    }
    out.append(VariantValue.Kind.decimal.rawValue)
    out.append(UInt8(truncatingIfNeeded: scale))
    out.append(raw: unscaled)
  }

  /// Writes a copy of a value.
  public func append(_ value: VariantValue) { out.append(value.bytes) }

  // MARK: Arrays

  /// Begins an array; write its elements and call `endElement` after each.
  public func openArray() -> Opened {
    out.append(VariantValue.Kind.array.rawValue)
    return Opened(start: out.count, firstPart: places.count)
  }

  /// Ends an element.
  public mutating func endElement(of opened: Opened) {
    places.append(UInt32(truncatingIfNeeded: out.count - opened.start))
  }

  /// Ends an array.
  public mutating func close(array opened: Opened) {
    let own = places[opened.firstPart...]
    for place in own { out.append(raw: place) }
    out.append(raw: UInt32(truncatingIfNeeded: own.count))
    places.removeSubrange(opened.firstPart...)
  }

  // MARK: Objects

  /// Begins an object; for each field call `beginField`, write the value and call `endField`.
  public func openObject() -> Opened {
    out.append(VariantValue.Kind.object.rawValue)
    return Opened(start: out.count, firstPart: fields.count)
  }

  /// Writes the name of a field; give the result to `endField`.
  public func beginField(of opened: Opened, name: UnsafeRawBufferPointer) -> (name: UInt32, value: UInt32) {
    let start = UInt32(truncatingIfNeeded: out.count - opened.start)
    out.append(name)
    return (start, UInt32(truncatingIfNeeded: out.count - opened.start))
  }

  /// Ends a field.
  public mutating func endField(of opened: Opened, _ begun: (name: UInt32, value: UInt32)) {
    fields.append(
      Field(name: begun.name, value: begun.value, end: UInt32(truncatingIfNeeded: out.count - opened.start)))
  }

  /// Ends an object and orders its fields. Gives the name if two have one.
  public mutating func close(object opened: Opened) -> String? {
    let content = UnsafeRawBufferPointer(rebasing: out.bytes[opened.start...])
    func name(_ field: Field) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(rebasing: content[Int(field.name)..<Int(field.value)])
    }
    let own = fields[opened.firstPart...].sorted { Self.compare(name($0), name($1)) < 0 }
    fields.removeSubrange(opened.firstPart...)
    let repeated = zip(own, own.dropFirst()).first { Self.compare(name($0), name($1)) == 0 }
      .map { String(decoding: name($0.0), as: UTF8.self) }
    for field in own {
      out.append(raw: field.name)
      out.append(raw: field.value)
      out.append(raw: field.end)
    }
    out.append(raw: UInt32(truncatingIfNeeded: own.count))
    return repeated
  }

  /// The order of names: by bytes.
  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    if common > 0, let left = a.baseAddress, let right = b.baseAddress {
      let order = memcmp(left, right, common)
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }
}
