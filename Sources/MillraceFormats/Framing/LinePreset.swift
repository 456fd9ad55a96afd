import Glibc

/// Records of several lines that everyone has: stack traces, and lines that a container runtime has cut.
///
/// Each gives lines a class by what they look like, and tells from the classes of two lines, one behind the other, whether the second begins
/// a record. Nothing else is looked at.
enum LinePreset: String, Sendable, CaseIterable {
  /// Java's and Kotlin's traces, behind the message that they belong to.
  case java
  /// Python's traces, those of chained exceptions included.
  case python
  /// Go's panics with the stacks of the goroutines.
  case go
  /// Lines in the form of CRI that the runtime has cut: all but the last have the tag `P`.
  case cri
  /// Docker's json-file: all parts of a line but the last have no line feed in `log`.
  case docker

  /// Whether the parts are put together to one line, without what stands in front of each.
  var joinsText: Bool { self == .cri || self == .docker }

  func classify(_ line: UnsafeRawBufferPointer) -> UInt8 {
    switch self {
    case .java: JavaLine.of(line).rawValue
    case .python: PythonLine.of(line).rawValue
    case .go: GoLine.of(line).rawValue
    case .cri: ContainerLine.criClass(line)
    case .docker: ContainerLine.dockerClass(line)
    }
  }

  func begins(_ previous: UInt8, _ this: UInt8) -> Bool {
    switch self {
    case .java: JavaLine.begins(previous, this)
    case .python: PythonLine.begins(previous, this)
    case .go: GoLine.begins(previous, this)
    case .cri, .docker: previous & 1 == 0 || previous & 0xFE != this & 0xFE
    }
  }

  func closes(_ this: UInt8) -> Bool { joinsText && this & 1 == 0 }
}

/// Kinds of lines of Java programs.
private enum JavaLine: UInt8 {
  /// Anything else.
  case plain
  /// Of a trace: indented, or `Caused by:` and the like.
  case frame
  /// The name of an exception, which belongs to the message before it unless that has a trace already.
  case header
  /// What the runtime prints in front of an exception that nobody caught.
  case uncaught

  static func of(_ line: UnsafeRawBufferPointer) -> JavaLine {
    guard let first = line.first else { return .plain }
    if first == 0x20 || first == 0x09 { return line.isBlank ? .plain : .frame }
    if line.begins("Caused by: ") || line.begins("Suppressed: ") || line.begins("[CIRCULAR REFERENCE") { return .frame }
    if line.begins("... ") && line.contains(" more") { return .frame }
    if line.begins("Exception in thread ") { return .uncaught }
    let name = line.leadingName
    if name.contains(0x2E), name.ends("Exception") || name.ends("Error") || name.ends("Throwable"),
      name.count == line.count || line[name.count] == 0x3A
    {
      return .header
    }
    return .plain
  }

  static func begins(_ previous: UInt8, _ this: UInt8) -> Bool {
    switch JavaLine(rawValue: this) {
    case .frame: false
    case .header: previous != JavaLine.plain.rawValue
    case .plain, .uncaught, nil: true
    }
  }
}

/// Kinds of lines of Python programs.
private enum PythonLine: UInt8 {
  case plain
  case indented
  case traceback
  /// `ValueError: message`, the last line of a trace.
  case error
  /// Looks like the name of a class, which ends a trace if it stands behind one.
  case name
  case blank
  /// What stands between the traces of chained exceptions.
  case chain

  private static let errors: [StaticString] = [
    "Error", "Exception", "Warning", "Interrupt", "Exit", "Iteration", "Group",
  ]

  static func of(_ line: UnsafeRawBufferPointer) -> PythonLine {
    if line.isBlank { return .blank }
    if line[0] == 0x20 || line[0] == 0x09 { return .indented }
    if line.begins("Traceback (most recent call last):") { return .traceback }
    if line.begins("During handling of the above exception") || line.begins("The above exception was the direct") {
      return .chain
    }
    let name = line.leadingName
    guard !name.isEmpty, name.count == line.count || line[name.count] == 0x3A else { return .plain }
    if errors.contains(where: { name.ends($0) }) { return .error }
    // A class and no log level: `Failure`, `store.Full`.
    let last = name.suffix(from: name.lastIndex(of: 0x2E).map { $0 + 1 } ?? 0)
    let isCapital = last.first.map { $0 >= 0x41 && $0 <= 0x5A } ?? false
    return isCapital && last.contains { $0 >= 0x61 && $0 <= 0x7A } ? .name : .plain
  }

  static func begins(_ previous: UInt8, _ this: UInt8) -> Bool {
    let previous = PythonLine(rawValue: previous) ?? .plain
    switch PythonLine(rawValue: this) ?? .plain {
    case .plain: return true
    case .indented: return false
    // Behind a message it is the message's; behind a trace that is over, another one.
    case .traceback: return previous == .error
    case .error: return previous != .indented && previous != .traceback
    case .name: return previous != .indented
    case .blank: return previous == .plain
    case .chain: return previous != .blank
    }
  }
}

/// Kinds of lines of Go programs.
private enum GoLine: UInt8 {
  case plain
  case indented
  case goroutine
  /// `main.f(0x1, 0x2)`
  case function
  case blank
  /// `created by`, `[signal`, `exit status`.
  case note

  static func of(_ line: UnsafeRawBufferPointer) -> GoLine {
    if line.isBlank { return .blank }
    if line[0] == 0x09 { return .indented }
    if line.begins("goroutine ") && line.contains(" [") && line.last == 0x3A { return .goroutine }
    if line.begins("created by ") || line.begins("[signal ") || line.begins("exit status ")
      || line.begins("runtime stack:") || line.begins("[originating from goroutine")
    {
      return .note
    }
    if line.last == 0x29, let open = line.firstIndex(of: 0x28), open > 0, line[..<open].contains(0x2E),
      !line[..<open].contains(0x20)
    {
      return .function
    }
    return .plain
  }

  static func begins(_ previous: UInt8, _ this: UInt8) -> Bool {
    switch GoLine(rawValue: this) ?? .plain {
    case .plain: true
    case .indented, .goroutine, .blank, .note: false
    case .function: previous == GoLine.plain.rawValue || previous == GoLine.blank.rawValue
    }
  }
}

/// Lines that container runtimes have cut. A class is odd for a part that is not the last.
enum ContainerLine {
  /// `time stream tag message`; parts of one stream belong together: 2 is stdout's, 4 another one's.
  static func criClass(_ line: UnsafeRawBufferPointer) -> UInt8 {
    guard let message = criMessage(line), let blank = line.firstIndex(of: 0x20) else { return 0 }
    let stream: UInt8 = UnsafeRawBufferPointer(rebasing: line[(blank + 1)...]).begins("stdout ") ? 2 : 4
    return line[message - 2] == UInt8(ascii: "P") ? stream | 1 : stream
  }

  /// Where the message begins: behind the tag and one blank.
  static func criMessage(_ line: UnsafeRawBufferPointer) -> Int? {
    var blanks = 0
    for index in line.indices.prefix(200) where line[index] == 0x20 {
      blanks += 1
      if blanks == 3 { return line[index - 2] == 0x20 ? index + 1 : nil }
    }
    return nil
  }

  static func dockerClass(_ line: UnsafeRawBufferPointer) -> UInt8 {
    guard let end = dockerTextEnd(line) else { return 0 }
    return end >= 2 && line[end - 1] == UInt8(ascii: "n") && line[end - 2] == 0x5C && isEscape(line, end - 2) ? 0 : 1
  }

  private static let dockerStart: StaticString = #"{"log":""#

  /// Where the text of `log` begins.
  static func dockerTextStart(_ line: UnsafeRawBufferPointer) -> Int? {
    line.begins(dockerStart) ? dockerStart.utf8CodeUnitCount : nil
  }

  /// Where the text of `log` ends: the quote behind it.
  static func dockerTextEnd(_ line: UnsafeRawBufferPointer) -> Int? {
    guard var index = dockerTextStart(line) else { return nil }
    while index < line.count {
      if line[index] == 0x22 { return index }
      index += line[index] == 0x5C ? 2 : 1
    }
    return nil
  }

  /// Whether the backslash at a place is none that another one makes an ordinary character.
  private static func isEscape(_ line: UnsafeRawBufferPointer, _ place: Int) -> Bool {
    var count = 0
    while place - count >= 0, line[place - count] == 0x5C { count += 1 }
    return count % 2 == 1
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func begins(_ text: StaticString) -> Bool {
    guard let base = baseAddress, count >= text.utf8CodeUnitCount else { return false }
    return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  fileprivate func ends(_ text: StaticString) -> Bool {
    guard let base = baseAddress, count >= text.utf8CodeUnitCount else { return false }
    return memcmp(base + count - text.utf8CodeUnitCount, text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  fileprivate func contains(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard let base = baseAddress else { return false }
    var start = 0
    while count - start >= length {
      guard let found = memchr(base + start, Int32(text.utf8Start[0]), count - start - length + 1) else { return false }
      if memcmp(found, text.utf8Start, length) == 0 { return true }
      start = UnsafeRawPointer(found) - base + 1
    }
    return false
  }

  fileprivate var isBlank: Bool { allSatisfy { $0 == 0x20 || $0 == 0x09 } }

  /// Letters, digits, dots, dollars and underscores at the beginning.
  fileprivate var leadingName: UnsafeRawBufferPointer {
    let end = firstIndex { byte in
      let letter = byte | 0x20
      let isWord = (letter >= 0x61 && letter <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
      return !(isWord || byte == 0x2E || byte == 0x24 || byte == 0x5F)
    }
    return UnsafeRawBufferPointer(rebasing: self[..<(end ?? count)])
  }
}
