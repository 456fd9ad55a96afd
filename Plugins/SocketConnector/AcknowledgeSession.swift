import Glibc

/// What one sender that numbers its records has said so far: `HELLO name`, then `number record` again and again. Pure: bytes in, what they
/// mean out.
struct AcknowledgeSession {
  /// The sender's name, once it has said it.
  private(set) var sender: String?

  /// What a record means.
  enum Meaning: Equatable {
    /// A sender has said its name.
    case greeting(String)
    /// A record of a sender, without its number: where it lies in the bytes.
    case record(Range<Int>, number: Int64)
    /// Nothing that may stand there.
    case fault(String)
  }

  private static let greeting = Array("HELLO ".utf8)

  /// Reads one record, without its end.
  mutating func read(_ line: UnsafeRawBufferPointer) -> Meaning {
    guard sender != nil else { return greet(line) }
    var number: Int64 = 0
    for index in 0..<min(line.count, 20) {
      let byte = line[index]
      if byte == 0x20, index > 0 { return .record(index + 1..<line.count, number: number) }
      guard byte >= 0x30, byte <= 0x39 else { break }
      let (product, overflows) = number.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = product.addingReportingOverflow(Int64(byte - 0x30))
      if overflows || overflowsToo { break }
      number = sum
    }
    return .fault("a record must begin with its number and a blank")
  }

  private mutating func greet(_ line: UnsafeRawBufferPointer) -> Meaning {
    guard line.starts(with: Self.greeting) else { return .fault("the first record must be HELLO and a name") }
    let name = String(decoding: line.dropFirst(Self.greeting.count), as: UTF8.self)
    let trimmed = name.hasSuffix("\r") ? String(name.dropLast()) : name
    guard (1...128).contains(trimmed.utf8.count), trimmed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return .fault("a name has 1 to 128 visible ASCII characters and no blank")
    }
    sender = trimmed
    return .greeting(trimmed)
  }
}
