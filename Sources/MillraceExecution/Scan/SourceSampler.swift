import CKernels
import Glibc
import MillraceColumnar
public import MillraceCore
public import MillraceFormats

/// Reads the first records of a source, for columns to be inferred from.
public enum SourceSampler {
  /// Bytes after which no more is read, however few records they have.
  private static let byteLimit: Int64 = 16 << 20

  /// At most about `records` records of what the source has first, which is started for that and closed.
  public static func sample(_ source: any ByteSource, records: Int) throws -> SchemaSample {
    try source.start(after: nil)
    try source.freeze()
    defer { source.close() }
    guard let plan = try source.plan(after: nil, limit: ReadLimit(bytes: byteLimit)) else { return SchemaSample([]) }
    var parts: [SchemaSample.Part] = []
    let rules = (source as? any RecordRuleSource)?.recordRules ?? RecordRules()
    var left = records
    var bytes: Int64 = 0
    for split in plan.splits where left > 0 && bytes < byteLimit {
      let reader = try source.open(split)
      defer { reader.close() }
      var whole = split
      whole.byteLimit = nil
      let windows = WindowReader(
        reader, split: whole, leftover: [], pool: WindowPool(), leavesOutTooLarge: true, rules: rules)
      while left > 0, bytes < byteLimit, let window = try windows.next() {
        let taken = rules.grouping == nil ? prefix(window.bytes, records: &left) : window.bytes
        if rules.grouping != nil { left -= taken.count / 256 + 1 }
        bytes += Int64(taken.count)
        // The window's memory is used again.
        let copy = MemoryBuffer(copying: taken)
        parts.append(
          SchemaSample.Part(
            bytes: UnsafeRawBufferPointer(start: copy.base, count: taken.count), owner: copy,
            origin: window.origin(split.name, grouping: rules.grouping)))
        windows.release(window)
      }
    }
    return SchemaSample(parts)
  }

  /// The first records of a window.
  private static func prefix(_ window: UnsafeRawBufferPointer, records: inout Int) -> UnsafeRawBufferPointer {
    var end = 0
    while records > 0, end < window.count, let base = window.baseAddress {
      let newline = memchr(base + end, 0x0A, window.count - end).map { UnsafeRawPointer($0) - base }
      end = newline.map { $0 + 1 } ?? window.count
      records -= 1
    }
    return UnsafeRawBufferPointer(rebasing: window[..<end])
  }
}
