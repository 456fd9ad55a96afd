/// VARIANT values as JSON text.
public struct VariantText: Sendable {
  private let local: @Sendable (Int64) -> Int64

  /// Texts with timestamps on a local clock, with their distance from UTC; without `local` they are in UTC.
  public init(local: @escaping @Sendable (Int64) -> Int64 = { $0 }) { self.local = local }

  /// Appends the JSON text of a value. What JSON has no form for is a string: dates, times, binary (Base64), NaN and infinities.
  public func append(_ value: VariantValue, to out: ByteBuffer) {
    switch value.kind {
    case .null: out.append("null")
    case .false: out.append("false")
    case .true: out.append("true")
    case .long: text(out) { NumberText.write(value.number(as: Int64.self), to: $0) }
    case .decimal:
      let (unscaled, scale) = value.decimal
      text(out) { NumberText.write(unscaled, scale: scale, to: $0) }
    case .double:
      let number = value.number(as: Double.self)
      quoted(out, unless: number.isFinite) { NumberText.write(number, to: $0) }
    case .float:
      let number = value.number(as: Float.self)
      quoted(out, unless: number.isFinite) { NumberText.write(number, to: $0) }
    case .date: quoted(out) { DateTimeText.write(days: Int(value.number(as: Int32.self)), to: $0) }
    case .timestamp: timestamp(value.number(as: Int64.self), out)
    case .timestampNTZ: quoted(out) { DateTimeText.write(microseconds: value.number(as: Int64.self), to: $0) }
    case .string: JSONQuoting.append(value.payload, to: out)
    case .binary:
      out.append(UInt8(0x22))
      Base64Text.append(value.payload, to: out)
      out.append(UInt8(0x22))
    case .array:
      out.append(UInt8(0x5B))
      for index in 0..<value.count {
        if index > 0 { out.append(UInt8(0x2C)) }
        append(value.element(index), to: out)
      }
      out.append(UInt8(0x5D))
    case .object:
      out.append(UInt8(0x7B))
      for index in 0..<value.count {
        if index > 0 { out.append(UInt8(0x2C)) }
        JSONQuoting.append(value.name(index), to: out)
        out.append(UInt8(0x3A))
        append(value.field(index), to: out)
      }
      out.append(UInt8(0x7D))
    }
  }

  private func text(_ out: ByteBuffer, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
    out.advance(body(out.reserve(NumberText.capacity).assumingMemoryBound(to: UInt8.self)))
  }

  private func quoted(_ out: ByteBuffer, unless isPlain: Bool = false, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
    if !isPlain { out.append(UInt8(0x22)) }
    text(out, body)
    if !isPlain { out.append(UInt8(0x22)) }
  }

  private func timestamp(_ instant: Int64, _ out: ByteBuffer) {
    let shown = local(instant)
    out.append(UInt8(0x22))
    text(out) { DateTimeText.write(microseconds: shown, to: $0) }
    let minutes = (shown - instant) / 60_000_000
    out.append(UInt8(minutes < 0 ? 0x2D : 0x2B))
    for (index, part) in [abs(minutes) / 60, abs(minutes) % 60].enumerated() {
      if index > 0 { out.append(UInt8(0x3A)) }
      out.append(UInt8(0x30 + part / 10))
      out.append(UInt8(0x30 + part % 10))
    }
    out.append(UInt8(0x22))
  }
}
