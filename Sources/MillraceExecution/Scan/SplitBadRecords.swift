import MillraceCore
import MillraceFormats

/// Bad records of one split, as its windows give them, in any order.
struct SplitBadRecords {
  private struct Window {
    /// Of its first byte.
    var offset: Int64
    var lineCount: Int
    var records: BadRecords
  }

  private var windows: [Window] = []
  private var count = 0

  /// A window was decoded.
  mutating func add(_ records: BadRecords, lineCount: Int, at offset: Int64) {
    windows.append(Window(offset: offset, lineCount: lineCount, records: records))
    count += records.count
  }

  /// All of them in the order of their offsets. Lines count from the start of the file, where the split begins there: how many lines are
  /// in front of another is not known, and must not depend on whether this process has read them.
  func whole(of split: SourceSplit) -> FileBadRecords? {
    if count == 0 { return nil }
    var all = BadRecords()
    var line: Int64 = 0
    for window in windows.sorted(by: { $0.offset < $1.offset }) {
      all.append(window.records, line: split.offset == 0 ? line : nil)
      line += Int64(window.lineCount)
    }
    return FileBadRecords(name: split.name, records: all)
  }
}
