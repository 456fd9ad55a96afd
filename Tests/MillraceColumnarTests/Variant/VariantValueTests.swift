import MillraceColumnar
import Testing

/// The encoding of VARIANT values: what is written is found again, part by part.
struct VariantValueTests {
  private static func text(_ value: VariantValue) -> String {
    let out = ByteBuffer()
    VariantText().append(value, to: out)
    return String(decoding: out.bytes, as: UTF8.self)
  }

  @Test func fieldsAreFoundByNameWhateverTheirNumber() {
    for count in [0, 1, 2, 3, 63, 64, 65] {
      let out = ByteBuffer()
      var writer = VariantWriter(out)
      let opened = writer.openObject()
      for index in (0..<count).reversed() {
        let field = Array("f\(index)".utf8).withUnsafeBytes { writer.beginField(of: opened, name: $0) }
        writer.append(.long, Int64(index))
        writer.endField(of: opened, field)
      }
      #expect(writer.close(object: opened) == nil)
      let object = VariantValue(out.bytes)
      #expect(object.kind == .object && object.count == count)
      for index in 0..<count {
        let value = Array("f\(index)".utf8).withUnsafeBytes { object.field(named: $0) }
        #expect(value?.number(as: Int64.self) == Int64(index))
      }
      #expect(Array("f".utf8).withUnsafeBytes { object.field(named: $0) } == nil)
      let names = (0..<count).map { String(decoding: object.name($0), as: UTF8.self) }
      #expect(names == names.sorted())
    }
  }

  @Test func aNameThatIsThereTwiceIsReported() {
    let out = ByteBuffer()
    var writer = VariantWriter(out)
    let opened = writer.openObject()
    for name in ["b", "a", "b"] {
      let field = Array(name.utf8).withUnsafeBytes { writer.beginField(of: opened, name: $0) }
      writer.append(.null)
      writer.endField(of: opened, field)
    }
    #expect(writer.close(object: opened) == "b")
  }

  @Test func elementsStandForThemselves() {
    let out = ByteBuffer()
    var writer = VariantWriter(out)
    let outer = writer.openArray()
    Array("é\"\n".utf8).withUnsafeBytes { writer.append(.string, bytes: $0) }
    writer.endElement(of: outer)
    let inner = writer.openArray()
    writer.append(decimal: 1_500, scale: 3)
    writer.endElement(of: inner)
    writer.append(.double, Double.infinity)
    writer.endElement(of: inner)
    writer.close(array: inner)
    writer.endElement(of: outer)
    writer.append(.true)
    writer.endElement(of: outer)
    writer.close(array: outer)
    let value = VariantValue(out.bytes)
    #expect(value.count == 3)
    #expect(Self.text(value.element(1)) == "[1.5,\"Infinity\"]")
    #expect(value.element(1).element(0).decimal == (15, 1))
    #expect(Self.text(value) == "[\"é\\\"\\n\",[1.5,\"Infinity\"],true]")
  }

  @Test func timesAreWrittenOnTheLocalClock() {
    let out = ByteBuffer()
    VariantWriter(out).append(.timestamp, Int64(0))
    let shown = ByteBuffer()
    VariantText { $0 + 5_400_000_000 }.append(VariantValue(out.bytes), to: shown)
    #expect(String(decoding: shown.bytes, as: UTF8.self) == "\"1970-01-01 01:30:00+01:30\"")
  }
}
