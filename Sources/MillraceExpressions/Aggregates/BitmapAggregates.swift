import Glibc
import MillraceColumnar

/// Bitmaps of 32,768 positions, by which distinct whole numbers are counted exactly: see `bitmap_bit_position` and `bitmap_bucket_number`.
enum BitmapAggregates {
  static let all: [AggregateFunction] = [
    AggregateFunction(
      "bitmap_construct_agg", summary: "A bitmap in which the bits at the given positions, 0 to 32,767, are set.",
      example: "bitmap_construct_agg(bitmap_bit_position(x))"
    ) { arguments, context in
      let name = "bitmap_construct_agg"
      try AggregateBinding.checkCount(name, arguments, 1...1)
      guard arguments[0].type.isNumeric || [.string, .void].contains(arguments[0].type) else {
        throw AggregateBinding.mismatch(name, arguments[0], 1, "BIGINT")
      }
      return bitmap(name, try arguments[0].cast(to: .long, context), .positions)
    },
    combining("bitmap_or_agg", "The bits that are set in some bitmap.", .or),
    combining("bitmap_and_agg", "The bits that are set in all bitmaps.", .and),
  ]

  private static func combining(
    _ name: String, _ summary: String, _ operation: BitmapAccumulator.Operation
  ) -> AggregateFunction {
    AggregateFunction(name, summary: summary, example: "\(name)(x)") { arguments, context in
      try AggregateBinding.checkCount(name, arguments, 1...1)
      guard [.binary, .void].contains(arguments[0].type) else {
        throw AggregateBinding.mismatch(name, arguments[0], 1, "BINARY")
      }
      return bitmap(name, try arguments[0].cast(to: .binary, context), operation)
    }
  }

  private static func bitmap(
    _ name: String, _ argument: Expression, _ operation: BitmapAccumulator.Operation
  ) -> BoundAggregate {
    BoundAggregate(name, arguments: [argument], type: .binary, isNullable: false, stateTypes: [.binary]) {
      BitmapAccumulator(operation)
    }
  }
}

/// A bitmap of 4,096 bytes per group. State: the bitmap.
private final class BitmapAccumulator: SelectiveAccumulator {
  /// What comes in: positions to set, or bitmaps.
  enum Operation {
    case positions, or, and
  }

  private static let width = 4096

  private let operation: Operation
  private let bitmaps: GroupArray<UInt8>

  init(_ operation: Operation) {
    self.operation = operation
    bitmaps = GroupArray(operation == .and ? 0xFF : 0)
  }

  func reserve(groupCount: Int) { bitmaps.reserve(groupCount * Self.width) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    guard operation == .positions else { return combine(groups, rowCount, arguments[0]) }
    let positions = arguments[0]
    let values = positions.values(as: Int64.self)
    for row in 0..<rowCount where !positions.isNull(row) {
      let position = values[positions.slot(row)]
      guard position >= 0, position < Int64(Self.width * 8) else {
        throw MillraceError(
          "INVALID_BITMAP_POSITION", "a bitmap has the positions 0 to \(Self.width * 8 - 1), but not \(position)",
          hint: "use bitmap_bit_position(x), and group by bitmap_bucket_number(x)")
      }
      let byte = Int(groups[row]) * Self.width + Int(position >> 3)
      bitmaps.base[byte] |= 1 << UInt8(truncatingIfNeeded: position & 7)
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    combine(groups, rowCount, states[0])
  }

  /// A bitmap that is too short has no bits behind its end.
  private func combine(_ groups: UnsafePointer<UInt32>, _ rowCount: Int, _ given: ColumnVector) {
    for row in 0..<rowCount where !given.isNull(row) {
      let bytes = given.bytes(row)
      let target = bitmaps.base + Int(groups[row]) * Self.width
      let count = min(bytes.count, Self.width)
      if operation == .and {
        for index in 0..<count { target[index] &= bytes[index] }
        memset(target + count, 0, Self.width - count)
      } else {
        for index in 0..<count { target[index] |= bytes[index] }
      }
    }
  }

  func states(groupCount: Int) -> [ColumnVector] { [vector(groupCount) { $0 }] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [vector(count) { Int(truncatingIfNeeded: groups[$0]) }]
  }

  func finish(groupCount: Int) -> ColumnVector { vector(groupCount) { $0 } }

  private func vector(_ count: Int, _ group: (Int) -> Int) -> ColumnVector {
    let block = MemoryBuffer(capacity: count * Self.width)
    let out = MemoryBuffer(capacity: count * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    for row in 0..<count {
      let target = block.base + row * Self.width
      memcpy(target, bitmaps.values + group(row) * Self.width, Self.width)
      views[row] = StringView(target, Self.width)
    }
    return ColumnVector(type: .binary, count: count, values: out, owners: [block])
  }
}
