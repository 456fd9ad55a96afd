import CKernels
import Glibc

/// Finds where records end in a window of a stream of lines, so that whole ones can be given to a decoder and the rest kept.
///
/// A carriage return at the very end is not taken for an end: the line feed that belongs to it may follow.
public enum LineFraming {
  /// Position behind the last record that ends within `bytes`, nil if none does.
  public static func lastRecordEnd(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
    let feed = ck_behind_last(base, bytes.count, 0x0A)
    // Lines may end in carriage returns behind the last line feed.
    let carriageReturn = feed < bytes.count ? ck_behind_last(base + feed, bytes.count - feed - 1, 0x0D) : 0
    let end = feed + carriageReturn
    return end > 0 ? end : nil
  }

  /// Position behind the first record, nil if it does not end within `bytes`.
  public static func firstRecordEnd(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
    let feed = memchr(base, 0x0A, bytes.count).map { UnsafeRawPointer($0) - base }
    let searched = feed ?? bytes.count - 1
    guard searched > 0, let found = memchr(base, 0x0D, searched) else { return feed.map { $0 + 1 } }
    let position = UnsafeRawPointer(found) - base
    return position + 1 == feed ? position + 2 : position + 1
  }

  /// Position behind the last record that ends within the first `limit` bytes, or behind the first record if even that is longer;
  /// nil when that one does not end within `bytes`.
  public static func recordEnd(in bytes: UnsafeRawBufferPointer, within limit: Int) -> Int? {
    if limit < bytes.count, limit > 0 {
      // One byte more, since a carriage return is an end only if a byte follows.
      let part = UnsafeRawBufferPointer(rebasing: bytes[..<(limit + 1)])
      if let end = lastRecordEnd(in: part), end <= limit { return end }
      if let end = lastRecordEnd(in: UnsafeRawBufferPointer(rebasing: bytes[..<limit])) { return end }
    } else if limit >= bytes.count, let end = lastRecordEnd(in: bytes) {
      return end
    }
    return firstRecordEnd(in: bytes)
  }
}
