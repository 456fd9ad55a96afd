/// Recognises patterns that `ScanProgram` can run.
struct ScanCompiler {
  private(set) var steps: [ScanProgram.Step] = []
  /// Members by byte; bytes above 127 are all in or all out.
  private(set) var classes: [[Bool]] = []
  private(set) var isAnchored = false
  private let input: [UInt8]
  private var position = 0
  private var openGroups: [Int] = []
  private(set) var groupCount = 0

  /// Nil if the pattern has characters above 127.
  init?(_ pattern: String) {
    input = Array(pattern.utf8)
    if input.contains(where: { $0 > 127 }) { return nil }
  }

  /// Whether the whole pattern is of the one-pass kind.
  mutating func compile() -> Bool {
    if input.first == UInt8(ascii: "^") {
      isAnchored = true
      position = 1
    }
    while position < input.count {
      guard element() else { return false }
    }
    return openGroups.isEmpty && isOnePass() && (isAnchored || !isNullable(from: 0))
  }

  private func peek() -> UInt8? { position < input.count ? input[position] : nil }

  private mutating func element() -> Bool {
    let byte = input[position]
    switch byte {
    case UInt8(ascii: "("):
      position += 1
      if peek() == UInt8(ascii: "?") { return specialGroup() }
      groupCount += 1
      openGroups.append(groupCount)
      steps.append(.init(operation: .mark, slot: groupCount * 2))
      return true
    case UInt8(ascii: ")"):
      guard let group = openGroups.popLast() else { return false }
      position += 1
      if group > 0 { steps.append(.init(operation: .mark, slot: group * 2 + 1)) }
      return !isQuantifier(peek())
    case UInt8(ascii: "$"):
      position += 1
      steps.append(.init(operation: .end))
      return position == input.count
    case UInt8(ascii: "|"), UInt8(ascii: "^"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"),
      UInt8(ascii: "{"):
      return false
    default:
      guard let members = atom() else { return false }
      return repetition(members)
    }
  }

  /// `(?<name>` is a group like any other, and `(?:` none at all: it is kept as number 0.
  private mutating func specialGroup() -> Bool {
    position += 1
    if peek() == UInt8(ascii: ":") {
      position += 1
      openGroups.append(0)
      return true
    }
    guard peek() == UInt8(ascii: "<") else { return false }
    position += 1
    while let byte = peek(), isASCIIAlphanumeric(byte) || byte == UInt8(ascii: "_") { position += 1 }
    guard peek() == UInt8(ascii: ">"), input[position - 1] != UInt8(ascii: "<") else { return false }
    position += 1
    groupCount += 1
    openGroups.append(groupCount)
    steps.append(.init(operation: .mark, slot: groupCount * 2))
    return true
  }

  private func isQuantifier(_ byte: UInt8?) -> Bool {
    byte == UInt8(ascii: "*") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "{")
  }

  /// The characters that the next atom matches.
  private mutating func atom() -> [Bool]? {
    let byte = input[position]
    position += 1
    switch byte {
    case UInt8(ascii: "."): return Self.members { $0 != 10 && $0 != 13 }
    case UInt8(ascii: "["): return bracket()
    case UInt8(ascii: "\\"): return escape()
    default: return Self.members { $0 == Int(byte) }
    }
  }

  private static func members(_ test: (Int) -> Bool) -> [Bool] { (0..<256).map(test) }

  private mutating func escape() -> [Bool]? {
    guard let byte = peek() else { return nil }
    position += 1
    let isSpace = { (value: Int) in value == 32 || value >= 9 && value <= 13 }
    let isWord = { (value: Int) in value == 95 || value < 128 && isASCIIAlphanumeric(UInt8(value)) }
    switch byte {
    case UInt8(ascii: "d"): return Self.members { $0 >= 48 && $0 <= 57 }
    case UInt8(ascii: "D"): return Self.members { !($0 >= 48 && $0 <= 57) }
    case UInt8(ascii: "s"): return Self.members(isSpace)
    case UInt8(ascii: "S"): return Self.members { !isSpace($0) }
    case UInt8(ascii: "w"): return Self.members(isWord)
    case UInt8(ascii: "W"): return Self.members { !isWord($0) }
    case UInt8(ascii: "t"): return Self.members { $0 == 9 }
    case UInt8(ascii: "n"): return Self.members { $0 == 10 }
    case UInt8(ascii: "r"): return Self.members { $0 == 13 }
    default: return isASCIIAlphanumeric(byte) ? nil : Self.members { $0 == Int(byte) }
    }
  }

  private mutating func bracket() -> [Bool]? {
    var result = [Bool](repeating: false, count: 256)
    let isNegated = peek() == UInt8(ascii: "^")
    if isNegated { position += 1 }
    var isFirst = true
    while let byte = peek(), byte != UInt8(ascii: "]") || isFirst {
      isFirst = false
      // Nested classes, intersections and quoted parts are left to the general engine.
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "&") { return nil }
      position += 1
      guard let members = byte == UInt8(ascii: "\\") ? escape() : Self.members({ $0 == Int(byte) }) else { return nil }
      let low = members.firstIndex(of: true) ?? 0
      if peek() == UInt8(ascii: "-"), position + 1 < input.count, input[position + 1] != UInt8(ascii: "]") {
        let high = input[position + 1]
        if members.lazy.filter({ $0 }).count != 1 || high == UInt8(ascii: "\\") || high == UInt8(ascii: "[")
          || Int(high) < low
        {
          return nil
        }
        position += 2
        for value in low...Int(high) { result[value] = true }
      } else {
        for value in 0..<256 where members[value] { result[value] = true }
      }
    }
    guard peek() != nil else { return nil }
    position += 1
    return isNegated ? result.map { !$0 } : result
  }

  /// The quantifier behind an atom, and the step for both.
  private mutating func repetition(_ members: [Bool]) -> Bool {
    var least = 1, most = 1
    switch peek() {
    case UInt8(ascii: "*"): (least, most) = (0, .max)
    case UInt8(ascii: "+"): (least, most) = (1, .max)
    case UInt8(ascii: "?"): (least, most) = (0, 1)
    case UInt8(ascii: "{"):
      guard let bounds = bounds() else { return false }
      (least, most) = bounds
    default: position -= 1
    }
    position += 1
    // Lazy and possessive forms behave differently.
    if least != 1 || most != 1, peek() == UInt8(ascii: "?") || peek() == UInt8(ascii: "+") { return false }
    // A counted class must not hold characters of several bytes.
    if members[255] && most != .max { return false }
    if members[255] && least > 1 { return false }
    append(members, least, most)
    return !isQuantifier(peek())
  }

  private mutating func bounds() -> (Int, Int)? {
    guard let end = input[position...].firstIndex(of: UInt8(ascii: "}")) else { return nil }
    let text = String(decoding: input[(position + 1)..<end], as: UTF8.self)
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard let first = parts.first.flatMap({ Int($0) }), first >= 0 else { return nil }
    position = end
    if parts.count == 1 { return (first, first) }
    if parts[1].isEmpty { return (first, .max) }
    guard let second = Int(parts[1]), second >= first else { return nil }
    return (first, second)
  }

  private mutating func append(_ members: [Bool], _ least: Int, _ most: Int) {
    let inside = members.indices.filter { members[$0] }
    if inside.count == 1 && least == 1 && most == 1 {
      steps.append(.init(operation: .byte, byte: UInt8(inside[0])))
      return
    }
    let table = classes.firstIndex(of: members) ?? classes.count
    if table == classes.count { classes.append(members) }
    steps.append(.init(operation: .run, table: table, least: least, most: most))
  }

  private func members(_ step: ScanProgram.Step) -> [Bool] {
    switch step.operation {
    case .byte: Self.members { $0 == Int(step.byte) }
    default: classes[step.table]
    }
  }

  /// Whether nothing but marks and optional steps stand from `index` on.
  private func isNullable(from index: Int) -> Bool {
    steps[index...].allSatisfy {
      $0.operation == .mark || $0.operation == .end || $0.operation == .run && $0.least == 0
    }
  }

  /// Bytes that may come next at step `index`.
  private func firstSet(from index: Int) -> [Bool] {
    var result = [Bool](repeating: false, count: 256)
    for step in steps[index...] where step.operation != .mark && step.operation != .end {
      for (byte, isMember) in members(step).enumerated() where isMember { result[byte] = true }
      if step.operation == .byte || step.least > 0 { break }
    }
    return result
  }

  /// Bytes that a match may start with.
  func firstSet() -> [Bool] { firstSet(from: 0) }

  /// Whether each repetition is forced by what follows it.
  private func isOnePass() -> Bool {
    for (index, step) in steps.enumerated() where step.operation == .run {
      if step.least == step.most { continue }
      let own = members(step)
      let next = firstSet(from: index + 1)
      if zip(own, next).contains(where: { $0 && $1 }) { return false }
      // `$` may stand before a final line end, but not within "\r\n"; a step that takes only half of that could have to give it back.
      let meetsEnd = isNullable(from: index + 1) && steps[index...].contains { $0.operation == .end }
      if meetsEnd && (own[13] != own[10] || own[13] && step.most != .max) { return false }
    }
    return true
  }
}
