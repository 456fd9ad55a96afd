import MillraceCore

/// Cuts a stream of bytes at the ends of lines and keeps the beginning of the next line.
struct RecordAssembler {
  private var rest: [UInt8] = []
  private let maxRecordBytes: Int
  private var isSkipping = false
  private(set) var dropped: Int64 = 0

  init(maxRecordBytes: Int) { self.maxRecordBytes = maxRecordBytes }

  /// Takes bytes; `body` gets whole lines.
  mutating func add(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    var bytes = bytes
    if isSkipping {
      guard let end = bytes.firstIndex(of: 0x0A) else { return }
      isSkipping = false
      bytes = UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
    }
    guard let last = bytes.lastIndex(of: 0x0A) else { return hold(bytes) }
    let whole = UnsafeRawBufferPointer(rebasing: bytes[...last])
    let tail = UnsafeRawBufferPointer(rebasing: bytes[(last + 1)...])
    if rest.isEmpty {
      try body(whole)
    } else {
      rest.append(contentsOf: whole)
      try rest.withUnsafeBytes { try body($0) }
      rest.removeAll(keepingCapacity: rest.capacity < 1 << 20)
    }
    hold(tail)
  }

  private mutating func hold(_ bytes: UnsafeRawBufferPointer) {
    rest.append(contentsOf: bytes)
    guard rest.count > maxRecordBytes else { return }
    dropped += 1
    rest = []
    isSkipping = true
  }

  /// The stream has ended.
  mutating func finish(emits: Bool, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    defer {
      rest = []
      isSkipping = false
    }
    guard !rest.isEmpty else { return }
    guard emits else {
      dropped += 1
      return
    }
    rest.append(0x0A)
    try rest.withUnsafeBytes { try body($0) }
  }
}
