import CKernels
import Glibc
import MillraceColumnar

/// Where the lines of a window lie: one span per line, without its end. LF, CR LF and CR end a line, as in Spark's text source. Where lines are put
/// together there is a span for each record, with the line ends in it.
///
/// Made to be used again for window after window, so that finding lines allocates nothing in the long run.
struct LineIndex: ~Copyable {
  private(set) var spans = GrowingArray<UInt64>(capacity: 4096)

  /// Whether all bytes of the window are ASCII.
  private(set) var isASCII = true

  /// Whether each record is one line as it stands in the window, so that nothing but line ends stands between records and none in them.
  private(set) var areLines = true

  /// Number of records found last.
  var count: Int { spans.count }

  /// Number of lines that they were on.
  private(set) var lineCount = 0

  /// The first line of each record, where lines are put together.
  private var firstLines = GrowingArray<UInt32>(capacity: 16)
  private var isGrouped = false
  private var classifier: LineClassifier?

  /// The first line of each record, counted from 0; nil: its own number.
  var lineNumbers: UnsafePointer<UInt32>? { isGrouped ? UnsafePointer(firstLines.base) : nil }

  /// Largest window whose places fit into spans.
  static let windowLimit = 1 << 28

  /// Finds the lines of a window behind which 64 bytes can be read. Escaped ones are turned back, and those that were cut are joined, where they
  /// lie, so the window must be nobody else's then.
  mutating func find(in bytes: UnsafeRawBufferPointer, of origin: RecordOrigin) throws {
    spans.removeAll()
    isASCII = true
    areLines = origin.grouping == nil
    lineCount = 0
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    guard bytes.count < Self.windowLimit else {
      throw MillraceError(
        "RECORD_TOO_LARGE", "a block of \(bytes.count) bytes was to be decoded", hint: "the limit is 256 MiB")
    }
    let pointer = base.assumingMemoryBound(to: UInt8.self)
    var state = ck_line_state()
    while state.position < bytes.count {
      let room = spans.reserve(4096)
      spans.advance(ck_lines(pointer, bytes.count, &state, room, 4096))
    }
    if state.start < bytes.count {
      spans.append(ck_span(state.start, bytes.count - state.start, UInt32(CK_TEXT)))
    }
    isASCII = state.has_high == 0
    lineCount = spans.count
    if origin.isEscaped { unescape(UnsafeMutableRawBufferPointer(mutating: bytes)) }
    isGrouped = origin.grouping != nil
    if let grouping = origin.grouping { try group(bytes, grouping, origin.encoding) }
  }

  /// Puts the spans of lines together.
  private mutating func group(
    _ bytes: UnsafeRawBufferPointer, _ grouping: LineGrouping, _ encoding: CharacterEncoding
  ) throws {
    let known = classifier.flatMap { $0.grouping === grouping ? $0 : nil } ?? LineClassifier(grouping)
    classifier = known
    let joiner = grouping.joint.map { LineJoiner($0, UnsafeMutableRawBufferPointer(mutating: bytes)) }
    var counted = RecordCount(grouping)
    var previous: UInt8 = 0
    var kept = 0
    firstLines.removeAll()
    for index in 0..<spans.count {
      let span = spans.base[index]
      let start = ck_span_offset(span), end = start + ck_span_length(span)
      let this = try known.classify(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      let begins = index == 0 || grouping.begins(previous, this)
      previous = this
      let gap = encoding.encodedLength(UnsafeRawBufferPointer(rebasing: bytes[counted.end..<start]))
      let length = encoding.encodedLength(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      counted.end = end
      if counted.add(length, gap: gap, begins: begins) {
        spans.base[kept] = span
        firstLines.append(UInt32(truncatingIfNeeded: index))
        kept += 1
      } else {
        let first = ck_span_offset(spans.base[kept - 1]), written = ck_span_length(spans.base[kept - 1])
        let joined = joiner?.join(first..<first + written, start..<end) ?? end - first
        spans.base[kept - 1] = ck_span(first, joined, UInt32(CK_TEXT))
      }
    }
    spans.truncate(to: kept)
  }

  /// How many lines `find` would find in a window.
  static func count(in bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    return ck_count_lines(base.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  private mutating func unescape(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let base = bytes.baseAddress, memchr(base, Int32(RecordEscaping.mark), bytes.count) != nil else { return }
    for index in 0..<spans.count {
      let start = ck_span_offset(spans.base[index])
      let line = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + ck_span_length(spans.base[index])])
      let length = RecordEscaping.unescape(line)
      if length == line.count { continue }
      areLines = false
      spans.base[index] = ck_span(start, length, UInt32(CK_TEXT))
    }
  }
}

/// Values in memory that grows and is used again. For scratch space of decoders.
struct GrowingArray<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int) {
    self.capacity = max(capacity, 16)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  mutating func removeAll() { count = 0 }

  /// Room for `more` elements behind the last one.
  mutating func reserve(_ more: Int) -> UnsafeMutablePointer<Element> {
    if count + more > capacity {
      let size = max(capacity * 2, count + more)
      let larger = UnsafeMutablePointer<Element>.allocate(capacity: size)
      larger.update(from: base, count: count)
      base.deallocate()
      base = larger
      capacity = size
    }
    return base + count
  }

  mutating func advance(_ more: Int) { count += more }

  mutating func truncate(to less: Int) { count = less }

  mutating func append(_ element: Element) {
    reserve(1).pointee = element
    count += 1
  }
}
