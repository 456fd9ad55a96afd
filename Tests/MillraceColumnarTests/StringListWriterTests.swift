import CKernels
import Glibc
import MillraceColumnar
import MillraceTesting
import Testing

/// Splitting whole columns, against splitting each text by itself.
@Suite struct StringListWriterTests {
  /// A column of texts of all lengths around those at which the kernel does something else: 12 bytes inline, 64 a step, 2,048 a row.
  private static func texts(seed: UInt64) -> [String] {
    var random = SeededGenerator(seed: seed)
    let lengths = [0, 1, 5, 11, 12, 13, 60, 63, 64, 65, 127, 128, 129, 700, 2047, 2048, 2049, 5000]
    return (0..<Int(1 + seed * 137)).map { _ in
      let length = Int.random(in: 0..<3, using: &random) + (lengths.randomElement(using: &random) ?? 0)
      let spacing = [2, 3, 9, 40, 3000].randomElement(using: &random) ?? 1
      let bytes = (0..<length).map { _ in
        Int.random(in: 0..<spacing, using: &random) == 0 ? 32 : UInt8.random(in: 97...122, using: &random)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private static func column(_ texts: [String]) -> ColumnVector {
    var writer = StringWriter(rows: texts.count)
    for text in texts {
      writer.append(text)
      writer.end()
    }
    return writer.finish(.string, count: texts.count)
  }

  private typealias Kernel = (
    UnsafePointer<ck_view_words>?, Int, UInt8, UnsafeMutablePointer<ck_split_state>?, UnsafeMutablePointer<ck_list>?,
    UnsafeMutablePointer<ck_view_words>?, Int
  ) -> Int

  private static func parts(_ text: String) -> [String] {
    text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
  }

  @Test(arguments: UInt64(0)..<12)
  func `a column splits as its texts do`(seed: UInt64) {
    let texts = Self.texts(seed: seed)
    let column = Self.column(texts)
    var writer = StringListWriter(rows: texts.count)
    writer.split(rows: column.views, at: 32)
    let lists = writer.finish(count: texts.count, owners: column.owners)
    let places = lists.values(as: ListView.self)
    let elements = lists.children[0].views
    for (row, text) in texts.enumerated() {
      #expect(places[row].range.map { elements[$0].string } == Self.parts(text))
    }
  }

  @Test(arguments: UInt64(0)..<12)
  func `the kernel for every processor gives the same`(seed: UInt64) {
    let texts = Self.texts(seed: seed).filter { $0.utf8.count <= Int(CK_SPLIT_ROW) }
    let column = Self.column(texts)
    let expected = texts.map(Self.parts)
    let capacity = expected.reduce(0) { $0 + $1.count }
    func split(_ kernel: Kernel) -> (words: MemoryBuffer, lists: MemoryBuffer) {
      let words = MemoryBuffer(capacity: capacity * 16)
      let lists = MemoryBuffer(capacity: texts.count * 8)
      var state = ck_split_state()
      let lacking = kernel(
        UnsafeRawPointer(column.views).assumingMemoryBound(to: ck_view_words.self), texts.count, 32, &state,
        lists.base.assumingMemoryBound(to: ck_list.self), words.base.assumingMemoryBound(to: ck_view_words.self),
        capacity)
      #expect(lacking == 0)
      #expect(state.row == texts.count)
      return (words, lists)
    }
    let (words, lists) = split(ck_split_rows_plain)
    // Views are compared as two words, so what is behind a short text must be zero.
    let chosen = split(ck_split_rows)
    withExtendedLifetime((chosen, words)) {
      #expect(memcmp(chosen.words.base, words.base, capacity * 16) == 0)
    }
    let elements = words.base.assumingMemoryBound(to: StringView.self)
    let places = lists.base.assumingMemoryBound(to: ListView.self)
    for (row, parts) in expected.enumerated() {
      #expect(places[row].range.map { elements[$0].string } == parts)
    }
  }
}
