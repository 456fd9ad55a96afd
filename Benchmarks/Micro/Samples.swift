import MillraceColumnar

/// Random numbers that are the same in every run (SplitMix64).
struct Samples: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64 = 1) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// A pronounceable word; equal numbers give equal words.
  static func word(_ number: Int) -> String {
    var rest = number * 7919 + 104_729
    var text = ""
    repeat {
      text += ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu"][rest % 10]
      rest /= 10
    } while rest > 0
    return text
  }

  // MARK: Columns

  /// Numbers from 0 to below `distinct`, every `nullEvery`-th row NULL.
  static func longs(_ rows: Int, distinct: Int, nullEvery: Int = 0) -> ColumnVector {
    var random = Samples(seed: UInt64(distinct))
    let builder = ColumnBuilder(.long, capacity: rows)
    for row in 0..<rows {
      let number = Int64(random.below(distinct))
      if nullEvery > 0 && row % nullEvery == 0 { builder.appendNull() } else { builder.append(raw: number) }
    }
    return builder.finish()
  }

  static func doubles(_ rows: Int) -> ColumnVector {
    var random = Samples(seed: 3)
    let builder = ColumnBuilder(.double, capacity: rows)
    for _ in 0..<rows { builder.append(raw: Double(random.below(1_000_000)) / 64) }
    return builder.finish()
  }

  /// Texts that `make` gives for random numbers below `distinct`.
  static func strings(_ rows: Int, distinct: Int, _ make: (Int) -> String) -> ColumnVector {
    var random = Samples(seed: UInt64(distinct) + 11)
    let builder = ColumnBuilder(.string, capacity: rows)
    for _ in 0..<rows { builder.append(string: make(random.below(distinct))) }
    return builder.finish()
  }

  /// Browser names of some 110 bytes that differ late.
  static func agent(_ number: Int) -> String {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
      + "Chrome/\(90 + number % 50).0.\(number).20 Safari/537.36"
  }

  // MARK: Texts

  static func accessLine(_ random: inout Samples, second: Int) -> String {
    let status = [200, 200, 200, 200, 304, 404, 500][random.below(7)]
    let time = String(second % 60 + 100).dropFirst()
    let path = "/\(word(random.below(500)))/\(word(random.below(500)))" + (random.below(4) == 0 ? "?page=7&q=x" : "")
    return "10.\(random.below(200)).3.\(random.below(250)) - - [01/Jan/2026:10:17:\(time) +0000] "
      + "\"GET \(path) HTTP/1.1\" \(status) \(random.below(90_000)) \"https://www.\(word(random.below(50))).example/\" \"\(agent(random.below(40)))\"\n"
  }

  static func jsonLine(_ random: inout Samples, second: Int) -> String {
    let time = String(second % 60 + 100).dropFirst()
    let kind = ["view", "click", "purchase"][random.below(3)]
    return "{\"user_id\":\"\(word(random.below(100_000)))-6d1c-4a\",\"page_id\":\"\(word(random.below(5000)))\","
      + "\"ad_type\":\"banner\",\"event_type\":\"\(kind)\",\"event_time\":\"2026-01-01T10:17:\(time).125Z\",\"ip\":\"10.3.2.\(random.below(250))\",\"latency_us\":\(random.below(100_000)),"
      + "\"geo\":{\"country\":\"DE\",\"city\":\"Berlin\",\"lat\":52.52,\"lon\":13.4},\"tags\":[\"\(word(random.below(90)))\",\"ba\"],"
      + "\"q\":\"\(word(random.below(900))) caf\\u00e9\"}\n"
  }

  static func csvLine(_ random: inout Samples, second: Int) -> String {
    let time = String(second % 60 + 100).dropFirst()
    let product = random.below(5) == 0 ? "\"\(word(random.below(900))), large\"" : word(random.below(900))
    return "\(1_000_000 + second),2026-01-01 10:17:\(time),customer-\(random.below(90_000)),DE,\(product),"
      + "\(random.below(9)),\(random.below(900)).\(10 + random.below(90)),\n"
  }

  static func textLine(_ random: inout Samples, second: Int) -> String {
    (0..<(4 + random.below(14))).map { _ in word(random.below(20_000)) }.joined(separator: " ") + "\n"
  }

  /// Lines of at least `size` bytes in a buffer as decoders get it, and their number.
  static func lines(_ size: Int, _ make: (inout Samples, _ second: Int) -> String) -> SampleText {
    var random = Samples(seed: 5)
    var text = ""
    var count = 0
    while text.utf8.count < size {
      text += make(&random, count / 100)
      count += 1
    }
    return SampleText(buffer: text.withUTF8 { MemoryBuffer(copying: UnsafeRawBufferPointer($0)) }, count: count)
  }
}

/// Lines, and how many they are.
struct SampleText {
  let buffer: MemoryBuffer
  let count: Int
}

extension MemoryBuffer {
  /// All bytes.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: capacity) }
}
