/// Reads what `RowWriter` wrote and believes none of it: rows come back from files.
struct RowReader {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  static func damaged(_ why: String) -> MillraceError {
    MillraceError("STATE_ROW_DAMAGED", "an encoded row could not be read: \(why)", fault: .external)
  }

  /// Appends the next value to a builder of its type.
  mutating func read(into builder: ColumnBuilder) throws {
    switch try take(UInt8.self) {
    case 0: return builder.appendNull()
    case 1: break
    case let flag: throw Self.damaged("flag byte \(flag)")
    }
    switch builder.type.physical {
    case .none: throw Self.damaged("a value of type VOID")
    case .bool, .int8: builder.append(raw: try take(UInt8.self))
    case .int16: builder.append(raw: try take(UInt16.self))
    case .int32, .float: builder.append(raw: try take(UInt32.self))
    case .int64, .double: builder.append(raw: try take(UInt64.self))
    case .int128, .interval: builder.append(raw: try take(UInt128.self))
    case .view:
      let count = Int(try take(UInt32.self))
      guard count <= bytes.count - position else { throw Self.damaged("\(count) bytes announced") }
      builder.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
      position += count
    case .list:
      let count = Int(try take(UInt32.self))
      for _ in 0..<count { for child in builder.children { try read(into: child) } }
      builder.appendList()
    case .structure:
      for child in builder.children { try read(into: child) }
      builder.appendStructure()
    }
  }

  private mutating func take<T: BitwiseCopyable>(_: T.Type) throws -> T {
    let size = MemoryLayout<T>.size
    guard size <= bytes.count - position else { throw Self.damaged("it ends early") }
    let value = bytes.loadUnaligned(fromByteOffset: position, as: T.self)
    position += size
    return value
  }
}
