import CKernels
import MillraceColumnar

/// Reads JSON text into VARIANT values by the rules of Spark's `parse_json`: strict JSON, of which only the first value counts.
final class VariantParser {
  enum Failure: Error {
    case malformed
    case duplicateKey(String)
  }

  private let out: ByteBuffer
  private var writer: VariantWriter
  private let name = ByteBuffer(capacity: 64)
  private var duplicate: String?
  private let usesKernel: Bool

  /// `usesKernel: false` reads all texts step by step.
  init(usesKernel: Bool = true) {
    self.usesKernel = usesKernel
    out = ByteBuffer()
    writer = VariantWriter(out)
  }

  /// The value of a text. The bytes are good until the next call.
  func parse(_ text: UnsafeRawBufferPointer) throws(Failure) -> UnsafeRawBufferPointer {
    var scanner = JSONScanner(text)
    out.removeAll()
    duplicate = nil
    guard fast(&scanner) || value(&scanner, 0), endsWord(scanner) else {
      if let duplicate { throw .duplicateKey(duplicate) }
      throw .malformed
    }
    return out.bytes
  }

  /// Appends the next value to a column of VARIANT; false if it is broken.
  func append(_ scanner: inout JSONScanner, to builder: ColumnBuilder) -> Bool {
    out.removeAll()
    guard fast(&scanner) || value(&scanner, 0) else { return false }
    builder.append(bytes: out.bytes)
    return true
  }

  /// Texts that are longer need not be fast, and are not worth the memory.
  private static let fastLimit = 1 << 20

  /// Writes the next value, if nothing in it is rare; false, with nothing taken, if something is.
  private func fast(_ scanner: inout JSONScanner) -> Bool {
    let left = scanner.count - scanner.position
    guard usesKernel, left <= Self.fastLimit else { return false }
    let room = out.reserve(ck_json_variant_room(left)).assumingMemoryBound(to: UInt8.self)
    var size = 0
    let start = scanner.base + scanner.position
    guard let end = ck_json_variant(start, start + left, room, &size) else { return false }
    out.advance(size)
    scanner.position = end - scanner.base
    return true
  }

  /// A number or word at the root has to end where the text does or at a space.
  private func endsWord(_ scanner: JSONScanner) -> Bool {
    guard scanner.position > 0, scanner.position < scanner.count else { return true }
    switch scanner.base[scanner.position - 1] {
    case 0x22, 0x5D, 0x7D: return true
    default: return [0x20, 0x09, 0x0A, 0x0D].contains(scanner.base[scanner.position])
    }
  }

  private func value(_ scanner: inout JSONScanner, _ depth: Int) -> Bool {
    if depth > JSONScanner.depthLimit { return false }
    switch scanner.peek() {
    case .object: return object(&scanner, depth)
    case .array: return array(&scanner, depth)
    case .string:
      guard scanner.base[scanner.position] == 0x22, let text = scanner.string() else { return false }
      writer.append(.string)
      text.append(to: out)
      return true
    case .number:
      guard let number = scanner.number(), number.isFinite else { return false }
      self.number(number)
      return true
    case .boolean:
      guard let flag = scanner.boolean() else { return false }
      writer.append(flag ? .true : .false)
      return true
    case .null:
      guard scanner.null() else { return false }
      writer.append(.null)
      return true
    case .end, .other: return false
    }
  }

  private func array(_ scanner: inout JSONScanner, _ depth: Int) -> Bool {
    let opened = writer.openArray()
    let isWhole = scanner.forEachElement { scanner in
      guard value(&scanner, depth + 1) else { return false }
      writer.endElement(of: opened)
      return true
    }
    writer.close(array: opened)
    return isWhole
  }

  private func object(_ scanner: inout JSONScanner, _ depth: Int) -> Bool {
    let opened = writer.openObject()
    let isWhole = scanner.forEachField { scanner, text in
      guard text.bytes.baseAddress?.load(fromByteOffset: -1, as: UInt8.self) == 0x22 else { return false }
      name.removeAll()
      text.append(to: name)
      let field = writer.beginField(of: opened, name: name.bytes)
      guard value(&scanner, depth + 1) else { return false }
      writer.endField(of: opened, field)
      return true
    }
    if let repeated = writer.close(object: opened) {
      duplicate = repeated
      return false
    }
    return isWhole
  }

  /// Whole numbers of 64 bits are kept as such; what has no exponent and 38 digits is a DECIMAL, all others are DOUBLE.
  private func number(_ number: JSONNumber) {
    if number.isInteger, let value = NumberParsing.integer(number.bytes, as: Int64.self) {
      return writer.append(.long, value)
    }
    if let (unscaled, scale) = Self.decimal(number.bytes) { return writer.append(decimal: unscaled, scale: scale) }
    writer.append(.double, NumberParsing.double(number.bytes) ?? .nan)
  }

  /// Digits with a point as a decimal of at most 38 digits.
  private static func decimal(_ text: UnsafeRawBufferPointer) -> (unscaled: Int128, scale: Int)? {
    var unscaled: Int128 = 0
    var digits = 0
    var scale = 0
    var isAfterPoint = false
    for byte in text {
      switch byte {
      case 0x2D: continue
      case 0x2E: isAfterPoint = true
      case 0x30...0x39:
        if isAfterPoint { scale += 1 }
        if digits > 0 || byte != 0x30 { digits += 1 }
        if digits > 38 || scale > 38 { return nil }
        unscaled = unscaled * 10 + Int128(byte - 0x30)
      default: return nil
      }
    }
    return (text.first == 0x2D ? -unscaled : unscaled, scale)
  }
}
