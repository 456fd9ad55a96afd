import CKernels
import MillraceColumnar

extension SpanWindow {
  /// Strings as views into the window; only texts with escapes or broken UTF-8 are copied.
  func strings(
    _ type: DataType, _ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * MemoryLayout<StringView>.stride)
    let target = buffer.base.assumingMemoryBound(to: StringView.self)
    var nulls = NullTracker(count: count)
    let arena = Arena()
    let mayNeedRepair = !isASCII && type == .string
    for row in 0..<count {
      let span = spans[row]
      let text = base + ck_span_offset(span), length = ck_span_length(span)
      if ck_span_kind(span) != CK_ESCAPED && span != 0 {
        let view = StringView(padded: text, length)
        target[row] = mayNeedRepair ? Self.repaired(view, text, length, arena) : view
      } else if span != 0, let view = unescaped(text, length, arena, mayNeedRepair) {
        target[row] = view
      } else {
        if span != 0 { isBad[row] = 1 }
        nulls.setNull(row)
        target[row] = StringView()
      }
    }
    return ColumnVector(
      type: type, count: count, values: buffer, validity: nulls.validity, owners: [owner] + arena.owners)
  }

  private func unescaped(_ text: UnsafePointer<UInt8>, _ count: Int, _ arena: Arena, _ mayNeedRepair: Bool)
    -> StringView?
  {
    let room = arena.reserve(count + 16)
    let bytes = room.assumingMemoryBound(to: UInt8.self)
    guard let length = rules.unescape(text, count, bytes) else {
      arena.giveBack(count + 16)
      return nil
    }
    let view = StringView(room, length)
    arena.giveBack(view.isInline ? count + 16 : count + 16 - length)
    return mayNeedRepair ? Self.repaired(view, bytes, length, arena) : view
  }

  /// The view itself, or one of a copy in which U+FFFD stands for what is no UTF-8.
  private static func repaired(_ view: StringView, _ text: UnsafePointer<UInt8>, _ count: Int, _ arena: Arena)
    -> StringView
  {
    if ck_utf8_prefix(text, count) == count { return view }
    var copy = String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
    return copy.withUTF8 { bytes in
      bytes.baseAddress.map { arena.store($0, bytes.count) } ?? StringView()
    }
  }

  /// BINARY of JSON: base 64.
  func base64(_ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>) -> ColumnVector {
    let builder = ColumnBuilder(.binary, capacity: count)
    for row in 0..<count {
      let span = spans[row]
      let bytes = UnsafeBufferPointer(start: base + ck_span_offset(span), count: ck_span_length(span))
      if ck_span_kind(span) == CK_TEXT, let decoded = Base64.decode(bytes) {
        decoded.withUnsafeBytes { builder.append(bytes: $0) }
      } else {
        if span != 0 { isBad[row] = 1 }
        builder.appendNull()
      }
    }
    return builder.finish()
  }
}

/// Base 64 with the usual alphabet and padding.
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 255, count: 256)
    for (value, letter) in alphabet.enumerated() { table[Int(letter)] = UInt8(value) }
    return table
  }()

  /// Nil if the text is no base 64.
  static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var end = text.count
    while end > 0, text.count - end < 2, text[end - 1] == 0x3D { end -= 1 }
    var out: [UInt8] = []
    out.reserveCapacity(end * 3 / 4)
    var bits: UInt32 = 0
    var held = 0
    for byte in text[..<end] {
      let value = values[Int(byte)]
      if value == 255 { return nil }
      bits = bits << 6 | UInt32(value)
      held += 6
      if held >= 8 {
        held -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
      }
    }
    return end % 4 == 1 ? nil : out
  }

  /// Appends the text of `bytes`.
  static func encode(_ bytes: UnsafeRawBufferPointer, into out: ByteBuffer) {
    var at = 0
    while at < bytes.count {
      let left = bytes.count - at
      let group =
        UInt32(bytes[at]) << 16 | (left > 1 ? UInt32(bytes[at + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[at + 2]) : 0)
      for index in 0..<4 {
        out.append(index <= left ? alphabet[Int(group >> UInt32(18 - index * 6) & 63)] : 0x3D)
      }
      at += 3
    }
  }
}
