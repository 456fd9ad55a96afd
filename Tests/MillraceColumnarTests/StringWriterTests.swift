import MillraceColumnar
import Testing

@Suite struct StringWriterTests {
  /// Texts that lie in views and longer ones, one behind the other, up to more than the writer has room for at first.
  @Test func viewsAreAppendedLikeTheirBytes() {
    let texts = (0...30).map { String("abcdefghijklmnopqrstuvwxyz0123456789".prefix($0)) }
    let column = ColumnVector.of(texts.map { .string($0) }, type: .string)
    var writer = StringWriter(rows: texts.count * texts.count + 1)
    for first in texts.indices {
      for second in texts.indices {
        for row in [first, second, 1] { writer.append(column.views[row]) }
        writer.end()
      }
    }
    for row in texts.indices { writer.append(column.views[row]) }
    writer.end()
    let made = writer.finish(.string, count: texts.count * texts.count + 1)
    let wanted = texts.flatMap { first in texts.map { first + $0 + "a" } } + [texts.joined()]
    #expect((0..<made.count).map { made.value($0) } == wanted.map { .string($0) })
    // Short ones are views like any other.
    let same = ColumnVector.of(wanted.map { .string($0) }, type: .string)
    withExtendedLifetime((made, same)) {
      #expect(wanted.indices.allSatisfy { made.views[$0] == same.views[$0] })
    }
  }
}
