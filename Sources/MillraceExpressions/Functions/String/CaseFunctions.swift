import MillraceColumnar

/// `upper`, `lower` and `initcap`: ASCII by bytes, other rows through Swift's Unicode tables.
enum CaseFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "upper", "ucase", summary: "The string in capitals.", example: "upper('SparkSql')",
      bind: Bind.fixed("upper", [.string], .string) { vectors, count in map(vectors, count, isUpper: true) }),
    ScalarFunction(
      "lower", "lcase", summary: "The string in small letters.", example: "lower('SparkSql')",
      bind: Bind.fixed("lower", [.string], .string) { vectors, count in map(vectors, count, isUpper: false) }),
    ScalarFunction(
      "initcap", summary: "The string with the first letter of each word as a capital and all others small.",
      example: "initcap('sPark sql')",
      bind: Bind.fixed("initcap", [.string], .string) { vectors, count in initcap(vectors, count) }),
  ]

  /// `lower(expression)`.
  static func lowered(_ expression: Expression) -> Expression {
    Bind.call("lower", [expression], .string) { vectors, count in map(vectors, count, isUpper: false) }
  }

  private static func map(_ vectors: [ColumnVector], _ count: Int, isUpper: Bool) -> ColumnVector {
    let value = vectors[0]
    let stored = value.isConstant ? 1 : count
    var writer = StringWriter(rows: stored)
    for row in 0..<stored {
      if value.isNull(row) {
        writer.endNull()
      } else if let view = value.views[row].withOtherCase(isUpper: isUpper) {
        writer.end(view: view)
      } else {
        write(value.bytes(row), isUpper: isUpper, &writer)
        writer.end()
      }
    }
    return writer.finish(.string, count: count, isConstant: value.isConstant)
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, isUpper: Bool, _ writer: inout StringWriter) {
    guard bytes.isASCII else {
      let text = String(decoding: bytes, as: UTF8.self)
      writer.append(isUpper ? text.uppercased() : text.lowercased())
      return
    }
    let first: UInt8 = isUpper ? 0x61 : 0x41
    let target = writer.reserve(bytes.count).assumingMemoryBound(to: UInt8.self)
    for index in 0..<bytes.count {
      let byte = bytes[index]
      target[index] = byte &- first < 26 ? byte ^ 0x20 : byte
    }
    writer.advance(bytes.count)
  }

  private static func initcap(_ vectors: [ColumnVector], _ count: Int) -> ColumnVector {
    RowLoop.strings(vectors, count) { row, writer in
      let bytes = vectors[0].bytes(row)
      var isStart = true
      if bytes.isASCII {
        let target = writer.reserve(bytes.count).assumingMemoryBound(to: UInt8.self)
        for index in 0..<bytes.count {
          let byte = bytes[index]
          let isLetter = (byte | 0x20) &- 0x61 < 26
          target[index] = isLetter ? isStart ? byte & ~0x20 : byte | 0x20 : byte
          isStart = byte == 0x20
        }
        writer.advance(bytes.count)
        return true
      }
      for scalar in String(decoding: bytes, as: UTF8.self).lowercased().unicodeScalars {
        if isStart { writer.append(scalar.properties.titlecaseMapping) } else { writer.append(scalar) }
        isStart = scalar == " "
      }
      return true
    }
  }
}
