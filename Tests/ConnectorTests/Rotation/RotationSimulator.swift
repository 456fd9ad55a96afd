import MillraceCore
import MillraceFormats
import MillraceTesting

/// A random history of a log, its rotator and its reader, and what the reader owes at its end.
///
/// Each line is written once and has a number, and each is owed once. There are two exceptions, which are counted: a line whose last
/// copy was destroyed before it was read, and one that lay in a rotated file only when a reader of a path without a wildcard started for
/// the first time. Lines are owed in the order of their writing, those apart that a slow writer put into a file after the next one had
/// begun. When the reader has nothing more to read, it has read all whole lines of all files that there are.
///
/// In some histories what is written are records of three lines, which come whole. Some are split by a rotation: those are joined unless
/// their first file was compressed or destroyed meanwhile.
struct RotationSimulator {
  /// What came of a history.
  struct Outcome {
    var steps: [String] = []
    var lines = 0
    /// Lines whose last copy was destroyed before they were read.
    var destroyed = 0
    /// Lines that were in rotated files only when the first reader of one path started.
    var unseen = 0
    /// Lines that a slow writer put behind the beginning of the next file.
    var late = 0
    /// Records of several lines that a rotation split, and those of them that were joined.
    var split = 0
    var joined = 0
    var complaints: [String] = []
  }

  private let clock = TestClock(1_700_000_000_000_000)
  private let folder: LogFolder
  private let follower: Follower
  private var random: SeededGenerator
  private var outcome = Outcome()
  /// What is known of the lines when a reader starts.
  private final class Account {
    /// The last line that was begun.
    var number = 0
    /// Lines that lay only in rotated files when a reader of the one path `app.log` started without an offset: it begins with the file
    /// of that name, and nobody told it of others.
    var unseen: Set<Int> = []
  }
  private let account = Account()
  private let isPattern: Bool
  /// Whether records have three lines.
  private let isMultiline: Bool
  private var texts: [Int: String] = [:]
  /// Records between whose lines the log was rotated.
  private var split: Set<Int> = []
  /// The line that is being written.
  private var half: Int?
  private var number: Int {
    get { account.number }
    nonmutating set { account.number = newValue }
  }
  private var late: Set<Int> = []
  private var destroyed: Set<Int> = []

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed &* 0x9E37_79B9)
    let folder = LogFolder(clock)
    self.folder = folder
    let path = folder.file(Int.random(in: 0..<3, using: &random) == 0 ? "app.log*" : "app.log")
    isMultiline = seed % 3 == 0
    var options = [
      "path": path, "waitForFile": "true", "failOnDataLoss": "false",
      "maxOpenFiles": Int.random(in: 0..<4, using: &random) == 0 ? "1" : "1000",
    ]
    if isMultiline {
      options["multiline.end"] = "^ line "
      options["multiline.timeout"] = "1000 hours"
    }
    follower = Follower(options, Environment(files: folder, clock: clock))
    follower.onKill = { folder.kill() }
    isPattern = path.hasSuffix("*")
    let follower = follower, account = account, isPattern = isPattern
    follower.onStart = {
      if follower.offset != nil || isPattern { return }
      let live = Self.numbers(of: folder.plain("app.log") ?? [])
      account.unseen = Set(1..<account.number + 1).subtracting(live)
    }
  }

  static func run(seed: UInt64) throws -> Outcome {
    var history = RotationSimulator(seed: seed)
    try history.follower.start()
    history.append(1)
    if history.chance(2) { try history.follower.batch() }
    for _ in 0..<history.below(40) + 5 { try history.step() }
    try history.finish()
    return history.outcome
  }

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
  private mutating func chance(_ one: Int) -> Bool { below(one) == 0 }
  private mutating func note(_ step: String) { outcome.steps.append(step) }

  // MARK: Steps

  private mutating func step() throws {
    clock.advance(chance(3) ? Int64(below(4_000_000)) + 5000 : Int64(below(50_000)) + 5000)
    switch below(22) {
    case 0...5: try write()
    case 6, 7: try rotate()
    case 8: try compress()
    case 9, 10: try copyTruncate()
    case 11: try delete()
    case 12: try regrow()
    case 13: try reuse()
    case 14, 15: stop()
    case 16: try batch(ReadLimit(bytes: Int64(below(60))), killed: true)
    case 17: try batch(ReadLimit(bytes: Int64(below(100)) + 1))
    case 18: try batch(ReadLimit(files: below(3) + 1))
    case 19: try drain()
    case 20: try nap()
    default: try batch()
    }
  }

  private mutating func batch(_ limit: ReadLimit = ReadLimit(), killed: Bool = false) throws {
    note("batch\(limit.bytes.map { " \($0) bytes" } ?? "")\(killed ? " killed" : "")")
    lose()
    try follower.batch(limit, killed: killed)
    lose(byReader: !killed)
  }

  /// Reads all that can be read, and looks whether that is all that there is.
  private mutating func drain() throws {
    note("drain")
    lose()
    try readAll()
    // Where the last record of a file may go on in the next one, that is read when the file was quiet for `rotateWait`.
    if isMultiline {
      clock.advance(3_000_000)
      try readAll()
    }
    lose(byReader: true)
    let read = Set(Self.numbers(of: Array(follower.text.utf8))).union(account.unseen)
    for name in folder.names.keys.sorted() {
      let left = Self.numbers(of: folder.plain(name) ?? []).filter { !read.contains($0) && $0 != half }
      if left.isEmpty { continue }
      outcome.complaints.append("\(left) of \(name) were not read when there was nothing more to read")
    }
  }

  private func readAll() throws {
    var batches = 0
    while try follower.batch() {
      batches += 1
      if batches > 1000 { throw MillraceError("TEST_ENDLESS", "reading goes on for ever:\n\(outcome.steps)") }
    }
  }

  private mutating func line() -> String {
    number += 1
    outcome.lines += 1
    let rest = "\(number) \(String(repeating: "x", count: below(30)))\n"
    if !isMultiline { return "line \(rest)" }
    let text = "begin \(rest) more \(number)\n line \(number)\n"
    texts[number] = text
    return text
  }

  private mutating func append(_ count: Int, to name: String = "app.log") {
    note("append \(number + 1)…\(number + count) to \(name)")
    for _ in 0..<count { folder.append(line(), to: name) }
  }

  /// A record that a rotation splits.
  private mutating func writeSplit() throws {
    let text = line()
    split.insert(number)
    note("split \(number)")
    let ends = text.indices.filter { text[$0] == "\n" }
    let cut = text.index(after: ends[below(2)])
    half = number
    folder.append(String(text[..<cut]), to: "app.log")
    if chance(2) { try batch() }
    shift()
    folder.move("app.log", to: "app.log.1")
    if chance(3) { try batch() }
    folder.append(String(text[cut...]), to: "app.log")
    half = nil
  }

  private mutating func write() throws {
    if isMultiline && chance(3) { try writeSplit() }
    if chance(3) {
      let text = line()
      note("half of \(number)")
      let cut = text.index(text.startIndex, offsetBy: below(text.count))
      half = number
      folder.append(String(text[..<cut]), to: "app.log")
      if chance(2) { try batch() }
      folder.append(String(text[cut...]), to: "app.log")
      half = nil
    }
    append(below(4) + 1)
  }

  private mutating func shift() {
    for place in stride(from: 40, through: 1, by: -1) {
      for end in ["", ".gz"] { folder.move("app.log.\(place)\(end)", to: "app.log.\(place + 1)\(end)") }
    }
  }

  private mutating func rotate() throws {
    note("rotate")
    shift()
    folder.move("app.log", to: "app.log.1")
    if chance(3) { try batch() }
    switch below(3) {
    case 0: return
    case 1: folder.append("", to: "app.log")
    default:
      append(below(2) + 1)
      if chance(4), folder.plain("app.log.1") != nil {
        // A writer that was slow to open the new file.
        let text = line()
        late.insert(number)
        note("late \(number)")
        folder.append(text, to: "app.log.1")
      }
    }
  }

  private mutating func compress(_ place: Int? = nil, isWatched: Bool = true) throws {
    let name = "app.log.\(place ?? below(3) + 1)"
    guard let node = folder.names[name] else { return }
    note("compress \(name)")
    let out = ByteBuffer()
    node.bytes.withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
    folder.put(Array(out.bytes), in: name + ".gz", plain: node.bytes, modified: node.modified)
    if isWatched && chance(4) { try batch() }
    folder.unlink(name)
  }

  /// The reader is down while the log grows, is rotated and compressed.
  private mutating func nap() throws {
    stop()
    append(below(3) + 1)
    note("rotate")
    shift()
    folder.move("app.log", to: "app.log.1")
    try compress(1, isWatched: false)
  }

  private mutating func copyTruncate() throws {
    guard let bytes = folder.plain("app.log"), !bytes.isEmpty else { return }
    note("copytruncate")
    shift()
    folder.put(bytes, in: "app.log.1")
    if chance(4) { try batch() }
    if chance(5) { append(1) }
    folder.put([], in: "app.log")
    lose()
    if chance(2) { append(below(5) + 1) }
  }

  private mutating func delete() throws {
    let places = (1...40).filter { folder.names["app.log.\($0)"] != nil || folder.names["app.log.\($0).gz"] != nil }
    guard let place = places.last else { return }
    note("delete \(place)")
    folder.unlink("app.log.\(place)")
    folder.unlink("app.log.\(place).gz")
    lose()
  }

  /// Emptied without a copy, and longer than before when it is looked at again.
  private mutating func regrow() throws {
    guard let bytes = folder.plain("app.log") else { return }
    note("truncate and regrow")
    folder.put([], in: "app.log")
    lose()
    append(bytes.count / 20 + below(4) + 1)
  }

  /// Deleted and made again; most often under the same inode when the reader is down.
  private mutating func reuse() throws {
    note("delete and make again")
    folder.unlink("app.log")
    lose()
    append(below(6) + 1)
  }

  private mutating func stop() {
    let kill = chance(2)
    note(kill ? "kill" : "stop")
    follower.stop(kill: kill)
    folder.kill()
    lose()
  }

  /// Finds the lines that are nowhere any more. What a reader that runs on lets go of, it had to read first.
  private mutating func lose(byReader: Bool = false) {
    var left = Set(Self.numbers(of: Array(follower.text.utf8)))
    for content in folder.contents { left.formUnion(Self.numbers(of: content)) }
    for line in 1..<number + 1 where line != half && !left.contains(line) {
      let isNew = destroyed.insert(line).inserted
      if isNew && byReader && !account.unseen.contains(line) {
        outcome.complaints.append("line \(line) was let go of unread")
      }
    }
  }

  /// The numbers of the whole lines.
  static func numbers(of text: [UInt8]) -> [Int] {
    let whole = text[..<(text.lastIndex(of: 0x0A) ?? 0)]
    return whole.split(separator: 0x0A).compactMap { line in
      // Of records of several lines the last one counts.
      guard line.starts(with: Array("line ".utf8)) || line.starts(with: Array(" line ".utf8)) else { return nil }
      return line.split(separator: 0x20).dropFirst().first.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }
  }

  // MARK: The account

  private mutating func finish() throws {
    note("end")
    clock.advance(10_000_000)
    for _ in 0..<2 {
      try drain()
      clock.advance(10_000_000)
      append(1)
      try drain()
      clock.advance(10_000_000)
    }
    let read = Self.numbers(of: Array(follower.text.utf8))
    var counts: [Int: Int] = [:]
    for line in read { counts[line, default: 0] += 1 }
    for line in 1...number {
      let count = counts[line] ?? 0
      if count > 1 { outcome.complaints.append("line \(line) came \(count) times") }
      if count > 0 { continue }
      if destroyed.contains(line) {
        outcome.destroyed += 1
      } else if account.unseen.contains(line) {
        outcome.unseen += 1
      } else {
        outcome.complaints.append("line \(line) was lost")
      }
    }
    outcome.late = late.count
    let ordered = read.filter { !late.contains($0) }
    if counts.values.allSatisfy({ $0 == 1 }), ordered != ordered.sorted() {
      outcome.complaints.append("order: \(ordered)")
    }
    let starts = isMultiline ? ["begin ", " more ", " line "] : ["line "]
    for line in follower.text.split(separator: "\n") where !starts.contains(where: { line.hasPrefix($0) }) {
      outcome.complaints.append("a piece of a line: \(line)")
    }
    if isMultiline { checkRecords() }
    follower.stop()
    if folder.openCount > 0 { outcome.complaints.append("\(folder.openCount) files are open after the end") }
  }

  /// Records come whole, those apart that a rotation split.
  private mutating func checkRecords() {
    outcome.split = split.count
    for record in follower.records {
      let number = record.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
      let isWhole = record + "\n" == texts[number]
      if split.contains(number) {
        outcome.joined += isWhole ? 1 : 0
      } else if !isWhole {
        outcome.complaints.append("record \(number) came as \(record)")
      }
    }
  }
}
