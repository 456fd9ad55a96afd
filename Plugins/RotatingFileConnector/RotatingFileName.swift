import MillraceCore

/// Names of the files that a sink writes, below one folder.
struct RotatingFileName: Sendable, Hashable {
  /// How files are told apart.
  enum Scheme: String, Sendable, CaseIterable {
    /// A number in front of the extension; a file keeps its name for ever, so rotating renames nothing.
    case numbered
    /// A date and a number, likewise.
    case dated
    /// The newest has the plain name, older ones a number behind it that grows with each rotation.
    case logrotate
  }

  /// The folder that all files lie below.
  let directory: String
  let scheme: Scheme
  private let stem: String
  private let suffix: String
  /// Whether a file gets `.gz` behind its name when it is done.
  private let isCompressedLater: Bool

  init(_ path: String, scheme: Scheme, compression: RotatingFileSinkConfiguration.FileCompression) throws {
    var file = Substring(path)
    if let slash = path.lastIndex(of: "/") {
      directory = slash == path.startIndex ? "/" : String(path[..<slash])
      file = path[path.index(after: slash)...]
    } else {
      directory = "."
    }
    self.scheme = scheme
    let isGzip = compression == .gzip
    isCompressedLater = compression == .onRotation
    if file.hasSuffix(".gz") { file = file.dropLast(3) }
    if let dot = file.lastIndex(of: "."), dot != file.startIndex {
      stem = String(file[..<dot])
      suffix = String(file[dot...]) + (isGzip ? ".gz" : "")
    } else {
      stem = String(file)
      suffix = isGzip ? ".gz" : ""
    }
    if stem.isEmpty || stem == ".." || path.utf8.contains(0) {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'path' is '\(path)'", hint: "it takes a file name, for instance 'out/app.log'")
    }
  }

  /// Path of a folder of partitions, which is relative to the directory and may be empty.
  func path(of folder: String) -> String { folder.isEmpty ? directory : "\(directory)/\(folder)" }

  /// Path of the file with a number. With logrotate names it is the one that it has until it is committed.
  func path(_ number: Int64, in folder: String, date: String?) -> String {
    let file = "\(stem)\(date.map { "-\($0)" } ?? "").\(Self.digits(number))\(suffix)"
    return "\(path(of: folder))/\(scheme == .logrotate ? ".\(file).next" : file)"
  }

  private static func digits(_ number: Int64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(6 - digits.count, 0)) + digits
  }

  /// Path of the plain name: the newest file with logrotate names, else the link to it.
  func livePath(in folder: String) -> String { "\(path(of: folder))/\(stem)\(suffix)" }

  /// Path that the `index`th older file has with logrotate names, from 1.
  func agedPath(_ index: Int, in folder: String) -> String {
    var name = "\(stem)\(suffix)"
    var end = ""
    if name.hasSuffix(".gz") {
      name.removeLast(3)
      end = ".gz"
    }
    return "\(path(of: folder))/\(name).\(index)\(end)"
  }

  /// Path of a link that is about to be put in the place of `livePath`.
  func linkDraft(in folder: String) -> String { "\(path(of: folder))/.\(stem)\(suffix).link" }

  /// Path of the note that says which query writes here, the same for all forms that the files can have.
  var ownerPath: String {
    let plain = suffix.hasSuffix(".gz") ? suffix.dropLast(3) : suffix[...]
    return "\(directory)/.\(stem)\(plain).millrace"
  }

  /// Path that the note of compressed files had in the first version.
  var oldOwnerPath: String { "\(directory)/.\(stem)\(suffix).millrace" }

  /// The whole, for people.
  var pattern: String { "\(directory)/\(stem).*\(suffix)" }

  /// What a file's name says, nil for names that the sink does not give.
  func parse(_ file: String) -> ParsedName? {
    var rest = file[...]
    if scheme == .logrotate {
      guard rest.hasPrefix("."), rest.hasSuffix(".next") else { return nil }
      rest = rest.dropFirst().dropLast(5)
    }
    var isCompressed = false
    if isCompressedLater && rest.hasSuffix(suffix + ".gz") {
      isCompressed = true
      rest = rest.dropLast(3)
    }
    guard rest.hasPrefix(stem), rest.hasSuffix(suffix), rest.utf8.count > stem.utf8.count + suffix.utf8.count else {
      return nil
    }
    rest = rest.dropFirst(stem.count).dropLast(suffix.count)
    guard let dot = rest.lastIndex(of: ".") else { return nil }
    let digits = rest[rest.index(after: dot)...]
    guard digits.count >= 6, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int64(digits),
      Self.digits(number) == digits
    else { return nil }
    let date = rest[..<dot]
    if date.isEmpty { return ParsedName(number: number, date: nil, isCompressed: isCompressed) }
    guard scheme == .dated, date.hasPrefix("-"), date.count >= 11,
      date.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D || $0 == 0x54 })
    else { return nil }
    return ParsedName(number: number, date: String(date.dropFirst()), isCompressed: isCompressed)
  }

  /// The date that a file's name has, with as much of the time as files of `every` microseconds need to be told apart.
  static func date(ofLocal microseconds: Int64, every: Int64?) -> String {
    let time = CivilDateTime(microseconds: microseconds)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    let year = String(time.date.year)
    let zeros = String(repeating: "0", count: max(4 - year.count, 0))
    let day = "\(zeros)\(year)-\(two(time.date.month))-\(two(time.date.day))"
    guard let every, every < 86_400_000_000 else { return day }
    let hour = "\(day)T\(two(time.hour))"
    if every % 3_600_000_000 == 0 { return hour }
    return every % 60_000_000 == 0 ? "\(hour)-\(two(time.minute))" : "\(hour)-\(two(time.minute))-\(two(time.second))"
  }
}

/// What the name of a file says.
struct ParsedName: Hashable {
  var number: Int64
  var date: String?
  /// Whether it was compressed when it was done.
  var isCompressed: Bool
}
