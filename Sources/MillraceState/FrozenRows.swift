import MillraceColumnar
import MillraceCore

/// The rows that a `MemoryStateStore` had at one moment.
final class FrozenRows: FrozenState, @unchecked Sendable {
  /// Rows that are written together.
  struct Piece {
    var numbers: [UInt32]
    var keys: [ColumnVector]
    var values: [ColumnVector]
  }

  /// In the order of their numbers; a piece goes when it is written.
  private var pieces: [Piece] = []
  /// Columns of values without rows.
  private let noValues: [ColumnVector]

  init(noValues: [ColumnVector]) { self.noValues = noValues }

  func add(_ piece: Piece) { pieces.append(piece) }

  func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let out = ByteBuffer()
    for index in pieces.indices {
      let piece = pieces[index]
      pieces[index] = Piece(numbers: [], keys: [], values: [])
      out.removeAll()
      StateDelta.write(removed: [], changed: [], added: piece.numbers, into: out) { numbers, withKeys in
        if withKeys { StateCodec.encode(piece.keys, count: numbers.count, into: out) }
        StateCodec.encode(withKeys ? piece.values : noValues, count: numbers.count, into: out)
      }
      try write(out.bytes)
    }
  }
}
