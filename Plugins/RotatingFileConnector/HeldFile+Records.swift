import MillraceCore
import MillraceFormats

extension HeldFile {
  /// Bytes that are looked at for the end of a line at a time.
  private static let blockLength: Int64 = 64 << 10

  /// Position behind the last line that ends in a range, nil if none does. The range begins with a character.
  func lastLineEnd(_ range: Range<Int64>, _ encoding: CharacterEncoding) throws -> Int64? {
    let buffer = MemoryBuffer(capacity: Int(Self.blockLength))
    var end = range.upperBound - Int64(range.count % encoding.unit)
    while end > range.lowerBound {
      let start = max(range.lowerBound, end - Self.blockLength)
      let found = encoding.behindLastLineFeed(try read(start..<end, into: buffer))
      if found > 0 { return start + Int64(found) }
      end = start
    }
    return nil
  }

  /// Position behind the first line that ends in a range, nil if none does. The range begins with a character.
  private func firstLineEnd(_ range: Range<Int64>, _ encoding: CharacterEncoding) throws -> Int64? {
    let buffer = MemoryBuffer(capacity: Int(Self.blockLength))
    var start = range.lowerBound
    while start < range.upperBound {
      let bytes = try read(start..<min(range.upperBound, start + Self.blockLength), into: buffer)
      if let found = encoding.behindFirstLineFeed(bytes) { return start + Int64(found) }
      if bytes.count == 0 { return nil }
      start += Int64(bytes.count)
    }
    return nil
  }

  /// Position behind the last record that surely ends in a range, which begins with a record; nil if none does.
  ///
  /// Where records have several lines, that is looked for from the end, in more and more bytes; if none is found in so many as a record may
  /// have, the records are counted from the start of the range, where those that are too long end.
  func lastRecordEnd(_ range: Range<Int64>, _ splitter: RecordSplitter) throws -> Int64? {
    let encoding = splitter.rules.encoding
    guard splitter.rules.grouping != nil else { return try lastLineEnd(range, encoding) }
    guard let end = try lastLineEnd(range, encoding) else { return nil }
    let most = Self.reach(splitter)
    for length in [Self.blockLength, Self.blockLength * 16, most] {
      let start = max(range.lowerBound, end - length / 2 * 2 + (end - range.lowerBound) % Int64(encoding.unit))
      let buffer = MemoryBuffer(capacity: Int(end - start))
      var bytes = try read(start..<end, into: buffer)
      var skipped = 0
      if start > range.lowerBound {
        skipped = encoding.behindFirstLineFeed(bytes) ?? bytes.count
        bytes = UnsafeRawBufferPointer(rebasing: bytes[skipped...])
      }
      if let found = try splitter.lastEnd(in: bytes) { return start + Int64(skipped + found) }
      if start == range.lowerBound { break }
    }
    return try records(range.lowerBound..<min(end, range.lowerBound + most)) { try splitter.lastCut(in: $0) }
  }

  /// Position behind the first record of a range, which begins with one; nil if it does not surely end there.
  func firstRecordEnd(_ range: Range<Int64>, _ splitter: RecordSplitter) throws -> Int64? {
    guard splitter.rules.grouping != nil else { return try firstLineEnd(range, splitter.rules.encoding) }
    let end = min(range.upperBound, range.lowerBound + Self.reach(splitter))
    return try records(range.lowerBound..<end) { try splitter.firstEnd(in: $0) }
  }

  /// Bytes in which a record ends for certain, unless a single line is longer.
  private static func reach(_ splitter: RecordSplitter) -> Int64 {
    Int64(splitter.rules.maxRecordBytes) * 2 + blockLength
  }

  private func records(_ range: Range<Int64>, _ find: (UnsafeRawBufferPointer) throws -> Int?) throws -> Int64? {
    let buffer = MemoryBuffer(capacity: range.count)
    return try find(try read(range, into: buffer)).map { range.lowerBound + Int64($0) }
  }

  /// The bytes of a range, as far as the file has them; the buffer has room for all.
  func read(_ range: Range<Int64>, into buffer: MemoryBuffer) throws -> UnsafeRawBufferPointer {
    let target = UnsafeMutableRawBufferPointer(start: buffer.base, count: range.count)
    let count = try read(into: target, at: range.lowerBound)
    return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count])
  }
}
