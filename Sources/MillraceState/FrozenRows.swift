import MillraceColumnar
import MillraceCore

/// The rows that a `MemoryStateStore` had at one moment.
final class FrozenRows: FrozenState, @unchecked Sendable {
  /// In the order of their numbers; a piece goes when it is written.
  private var pieces: [StateDelta.Section] = []
  func add(_ piece: StateDelta.Section) { pieces.append(piece) }

  func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let out = ByteBuffer()
    var writer = StateDelta.Writer(out)
    for index in pieces.indices {
      let piece = pieces[index]
      pieces[index] = StateDelta.Section(numbers: [])
      out.removeAll()
      writer.begin()
      piece.numbers.withUnsafeBufferPointer { writer.add($0, keys: piece.keys, values: piece.values) }
      writer.finish()
      try write(out.bytes)
    }
  }
}
