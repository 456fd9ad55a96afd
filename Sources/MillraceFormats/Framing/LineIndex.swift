import CKernels
import Glibc
import MillraceColumnar

/// Where the lines of a window lie: one span per line, without its end. LF, CR LF and CR end a line, as in Spark's text source.
///
/// Made to be used again for window after window, so that finding lines allocates nothing in the long run.
struct LineIndex: ~Copyable {
  private(set) var spans = GrowingArray<UInt64>(capacity: 4096)

  /// Whether all bytes of the window are ASCII.
  private(set) var isASCII = true

  /// Number of lines found last.
  var count: Int { spans.count }

  /// Largest window whose places fit into spans.
  static let windowLimit = 1 << 28

  /// Finds the lines of a window behind which 64 bytes can be read. Escaped ones are turned back where they lie, so the window must be
  /// nobody else's.
  mutating func find(in bytes: UnsafeRawBufferPointer, isEscaped: Bool = false) throws {
    spans.removeAll()
    isASCII = true
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
    if isEscaped { unescape(UnsafeMutableRawBufferPointer(mutating: bytes)) }
  }

  private mutating func unescape(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let base = bytes.baseAddress, memchr(base, Int32(RecordEscaping.mark), bytes.count) != nil else { return }
    for index in 0..<spans.count {
      let start = ck_span_offset(spans.base[index])
      let line = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + ck_span_length(spans.base[index])])
      let length = RecordEscaping.unescape(line)
      if length < line.count { spans.base[index] = ck_span(start, length, UInt32(CK_TEXT)) }
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

  mutating func append(_ element: Element) {
    reserve(1).pointee = element
    count += 1
  }
}
