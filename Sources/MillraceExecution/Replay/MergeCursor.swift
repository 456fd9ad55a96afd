import MillraceColumnar
import MillraceCore
import MillraceFormats

/// One file of a merge: the window at hand, its rows, and the times by which they are merged.
final class MergeCursor {
  /// Position of the file in the plan.
  let index: Int
  let split: SourceSplit
  let windows: WindowReader
  private(set) var batch = RecordBatch(rowCount: 0, columns: [])
  /// Of the rows of `batch`; never less than the one before.
  private(set) var times: [Int64] = []
  /// The first row that was not given out.
  var next = 0
  /// Rows given out, and bad records among and between them.
  var rowCount: Int64 = 0
  private(set) var badRecordCount: Int64 = 0
  /// Those that are kept.
  private(set) var badRecords = SplitBadRecords()
  private var window: WindowReader.Window?
  /// Bad records of the window at hand.
  private var badInWindow: Int64 = 0
  /// Those that are kept, with the lines of the window.
  private var keptInWindow: (records: BadRecords, lineCount: Int)?
  private var floor: Int64

  init(index: Int, split: SourceSplit, windows: WindowReader, floor: Int64) {
    self.index = index
    self.split = split
    self.windows = windows
    self.floor = floor
  }

  /// The place of the next row; nil where none is at hand.
  var nextTime: Int64? { isEmpty ? nil : times[next] }

  var isEmpty: Bool { next >= batch.rowCount }

  /// Of the last row at hand.
  var lastTime: Int64 { times.last ?? .min }

  /// Takes the next window that has rows; false at the end of the file.
  func load(_ decoder: any Decoder, timeIndex: Int) throws -> Bool {
    while isEmpty {
      badRecordCount += badInWindow
      badInWindow = 0
      if let window, let kept = keptInWindow {
        badRecords.add(kept.records, lineCount: kept.lineCount, at: window.offset)
      }
      keptInWindow = nil
      (batch, times, next) = (RecordBatch(rowCount: 0, columns: []), [], 0)
      if let done = window { windows.release(done) }
      window = nil
      guard let window = try windows.next() else { return false }
      self.window = window
      let before = decoder.badRecordCount
      let origin = RecordOrigin(name: split.name, offset: window.offset)
      batch = try decoder.decode(window.bytes, owner: window.owner, origin: origin)
      badInWindow = decoder.badRecordCount - before
      if let keeper = decoder as? any BadRecordKeeper, keeper.keepsBadRecords {
        keptInWindow = (keeper.takeBadRecords(), keeper.lineCount)
      }
      if batch.rowCount > 0 { note(batch.columns[timeIndex]) }
    }
    return true
  }

  private func note(_ column: ColumnVector) {
    let instants = EventTimeColumn(column)
    times.reserveCapacity(instants.count)
    for row in 0..<instants.count {
      let time = instants[row]
      if time != .max { floor = max(floor, time) }
      times.append(floor)
    }
  }

  /// The first row from `next` on whose place is behind (`time`, `index`).
  func end(through time: Int64, _ index: Int) -> Int {
    // Rows of a file that stands before the other in the plan go first at the same time.
    let isInclusive = self.index <= index
    var low = next, high = times.count
    while low < high {
      let middle = (low + high) / 2
      let isWithin = isInclusive ? times[middle] <= time : times[middle] < time
      if isWithin { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where the file was left by a batch that ends here.
  struct Rest {
    var bytesConsumed: Int64
    /// Bytes that were read and belong to the next batch.
    var leftover: [UInt8]
  }

  /// Leaves the file behind the last row that was given out. `makeDecoder` makes another decoder like the one that the rows are from.
  func leave(_ makeDecoder: () throws -> any Decoder) throws -> Rest {
    guard let window else { return Rest(bytesConsumed: windows.consumed, leftover: windows.leftover) }
    let cut = try next == 0 ? 0 : place(of: next, window, makeDecoder())
    if cut > 0 {
      let decoder = try makeDecoder()
      _ = try decode(window, 0..<cut, decoder)
      badRecordCount += decoder.badRecordCount
      if let keeper = decoder as? any BadRecordKeeper, keeper.keepsBadRecords {
        badRecords.add(keeper.takeBadRecords(), lineCount: keeper.lineCount, at: window.offset)
      }
    }
    let rest = Array(window.bytes[cut...]) + windows.leftover
    return Rest(bytesConsumed: windows.consumed - Int64(window.bytes.count - cut), leftover: rest)
  }

  /// The end of the shortest run of whole records at the window's start that gives `rows` rows: by halves, which decodes as much as the
  /// window has.
  private func place(of rows: Int, _ window: WindowReader.Window, _ decoder: any Decoder) throws -> Int {
    var low = 0, high = window.bytes.count, wanted = rows
    while true {
      let middle = low + (high - low) / 2
      let behind = LineFraming.firstRecordEnd(in: part(window, middle..<high)).map { middle + $0 } ?? high
      let split =
        behind < high ? behind : LineFraming.firstRecordEnd(in: part(window, low..<high)).map { low + $0 } ?? high
      if split >= high { return high }
      let count = try decode(window, low..<split, decoder).rowCount
      if count >= wanted {
        high = split
      } else {
        low = split
        wanted -= count
      }
    }
  }

  private func part(_ window: WindowReader.Window, _ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: window.bytes[range])
  }

  private func decode(
    _ window: WindowReader.Window, _ range: Range<Int>, _ decoder: any Decoder
  ) throws -> RecordBatch {
    try decoder.decode(
      part(window, range), owner: window.owner,
      origin: RecordOrigin(name: split.name, offset: window.offset + Int64(range.lowerBound)))
  }
}
