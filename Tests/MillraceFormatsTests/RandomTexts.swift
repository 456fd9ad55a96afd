import Glibc
import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

@testable import MillraceFormats

/// Random texts on which decoders are held to a plain reading of their formats. `MILLRACE_TEXTS=N` reads N of them in each test,
/// `MILLRACE_TEXT_SEED=S` begins with seed S.
enum RandomTexts {
  /// What a decoder made of a text is not what was wanted.
  struct Mismatch: Error { var what: String }

  private static func variable(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

  /// Calls `body` with a generator for each text; the first few mismatches are told with their seeds.
  static func each(_ few: Int, _ body: (inout Seeded) throws -> Void) {
    let first = variable("MILLRACE_TEXT_SEED") ?? 1
    var failed = 0
    for seed in first..<first + (variable("MILLRACE_TEXTS") ?? few) {
      var random = Seeded(state: UInt64(seed))
      do { try body(&random) } catch {
        failed += 1
        if failed <= 3 { Issue.record("seed \(seed): \((error as? Mismatch)?.what ?? "\(error)")") }
      }
    }
    #expect(failed == 0)
  }

  /// Throws unless two lists of rows are equal, with the first row in which they differ.
  static func expect<Row: Equatable>(_ found: [Row], _ wanted: [Row], _ what: @autoclosure () -> String) throws {
    if found == wanted { return }
    let at =
      zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(found.count, wanted.count)
    let pair =
      "\(found.dropFirst(at).first.map { "\($0)" } ?? "none") instead of \(wanted.dropFirst(at).first.map { "\($0)" } ?? "none")"
    throw Mismatch(what: "\(what()), row \(at) of \(found.count) (\(wanted.count) wanted): \(pair)")
  }
}

extension Seeded {
  /// A number from 0 to `limit` - 1.
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  /// True once in `times`.
  mutating func once(in times: Int) -> Bool { below(times) == 0 }
  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// Some of the positions below `count`, in any order and perhaps several times, at least those of `needed`.
  mutating func positions(below count: Int, needed: Set<Int> = []) -> [Int] {
    var result = (0..<below(count + 2)).map { _ in below(count) }
    for position in needed.sorted() where !result.contains(position) { result.append(position) }
    result.shuffle(using: &self)
    return result
  }
}

/// Bytes behind which 64 more can be read, full of what may mislead, and then none.
final class GuardedBytes {
  let bytes: UnsafeRawBufferPointer
  private let region: UnsafeMutableRawPointer
  private let size: Int

  init(_ content: ArraySlice<UInt8>, misleading: [UInt8], _ random: inout Seeded) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let room = (content.count + 64 + page - 1) / page * page
    size = room + page
    region = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(region + room, page, PROT_NONE)
    for at in 0..<room {
      region.storeBytes(of: misleading[random.below(misleading.count)], toByteOffset: at, as: UInt8.self)
    }
    let start = region + (room - 64 - content.count)
    content.withUnsafeBytes { start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count) }
    bytes = UnsafeRawBufferPointer(start: start, count: content.count)
  }

  deinit { munmap(region, size) }
}

/// A text that comes in windows of whole lines.
struct CutText {
  let bytes: [UInt8]
  /// Where windows end, the text's end among them.
  let ends: [Int]
  let misleading: [UInt8]

  init(_ bytes: [UInt8], misleading: String, _ random: inout Seeded) {
    self.bytes = bytes
    self.misleading = Array(misleading.utf8)
    var ends: [Int] = []
    for at in bytes.indices where bytes[at] == 0x0A && random.once(in: 8) { ends.append(at + 1) }
    self.ends = ends.last == bytes.count ? ends : ends + [bytes.count]
  }

  /// The lines without their ends: LF, CR LF or CR.
  var lines: [[UInt8]] {
    var lines: [[UInt8]] = []
    var line: [UInt8] = []
    for (at, byte) in bytes.enumerated() {
      if byte == 0x0A && at > 0 && bytes[at - 1] == 0x0D { continue }
      if byte == 0x0A || byte == 0x0D {
        lines.append(line)
        line = []
      } else {
        line.append(byte)
      }
    }
    return line.isEmpty ? lines : lines + [line]
  }

  /// The rows that a decoder gives.
  func rows(_ decoder: any Decoder, _ random: inout Seeded) throws -> [[Value]] {
    var rows: [[Value]] = []
    var start = 0
    for end in ends {
      let window = GuardedBytes(bytes[start..<end], misleading: misleading, &random)
      let batch = try decoder.decode(
        window.bytes, owner: window, origin: RecordOrigin(name: "random", offset: Int64(start)))
      rows += batch.columns.isEmpty ? Array(repeating: [], count: batch.rowCount) : batch.rows()
      start = end
    }
    return rows.map { $0.map(Self.comparable) }
  }

  /// NaN is like itself.
  static func comparable(_ value: Value) -> Value {
    if case .double(let number) = value, number.isNaN { return "NaN" }
    return value
  }
}

/// Conditions on columns, which the rows that a query wants fulfil.
struct RandomConditions {
  /// Throws unless conditions leave out rows that fail them and no others. A record that one leaves out need not be found to be bad; dead letters
  /// are read without conditions.
  static func hold(
    _ text: CutText, _ make: (BadRecordPolicy) throws -> any Decoding, _ random: inout Seeded
  ) throws {
    let schema = try make(.null).schema
    let filters = (0...random.below(2)).map { _ in filter(schema, &random) }
    let columns = random.positions(below: schema.count, needed: Set(filters.map(\.column)))
    let what =
      "\(filters.map { "\(schema.fields[$0.column].name) \($0.comparison) \($0.value)" }) of columns \(columns)"
    for policy in [BadRecordPolicy.null, .skip, .fail] {
      let decoding = try make(policy)
      let plain = try decoding.makeDecoder(columns: columns, filters: [])
      let filtered = try decoding.makeDecoder(columns: columns, filters: filters)
      let all: [[Value]]
      // What fails without conditions may fail with them.
      do { all = try text.rows(plain, &random) } catch let error as MillraceError where policy == .fail {
        if error.code == "MALFORMED_RECORD_IN_PARSING" { continue }
        throw error
      }
      let found = try text.rows(filtered, &random)
      let wanted = all.filter { row in
        filters.allSatisfy { PlainFilter.passes(row[columns.firstIndex(of: $0.column) ?? 0], $0) }
      }
      if !PlainFilter.isPart(found, of: all) || !PlainFilter.isPart(wanted, of: found) {
        throw RandomTexts.Mismatch(what: "\(what), \(policy): \(found) of \(all), wanted \(wanted)")
      }
      if policy != .null, plain.badRecordCount < filtered.badRecordCount {
        throw RandomTexts.Mismatch(
          what: "\(what), \(policy): \(filtered.badRecordCount) bad records of \(plain.badRecordCount)")
      }
    }
  }

  /// A record that a decoder kept.
  struct Kept: Equatable {
    var offset: Int64
    var column: String?
    var text: String
  }

  /// The records that a decoder kept.
  static func kept(_ decoder: any Decoder) -> [Kept] {
    var result: [Kept] = []
    (decoder as? any BadRecordKeeper)?.takeBadRecords().forEach { record, fault, bytes in
      result.append(Kept(offset: record.offset, column: fault.column, text: String(decoding: bytes, as: UTF8.self)))
    }
    return result
  }

  private static func filter(_ schema: Schema, _ random: inout Seeded) -> PushedFilter {
    let column = random.below(schema.count)
    let comparison = random.pick([
      PushedFilter.Comparison.equal, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
    ])
    switch schema.types[column] {
    case .string: return PushedFilter(column: column, comparison, .string(random.pick(strings)))
    case .boolean: return PushedFilter(column: column, .equal, .boolean(random.once(in: 2)))
    default: return PushedFilter(column: column, comparison, .integer(random.pick(numbers)))
    }
  }

  /// Texts and numbers that the random texts hold often.
  static let strings = ["", "a", "b", "ab", "12", "é", "\u{FFFD}", "a\u{FFFD}", "a longer text than a view holds"]
  static let numbers: [Int64] = [0, 1, 7, -1, 12, 127, 200, 404, 2_147_483_647, -2_147_483_648, .max, .min]
}
