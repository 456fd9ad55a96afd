/// The files of a merge by the place of their next row, the first in front.
struct MergeHeap {
  /// A file's next row.
  struct Entry {
    var time: Int64
    /// The file's position in the plan, which decides between equal times.
    let index: Int
    let part: Int

    init(_ time: Int64, _ index: Int, _ part: Int) {
      self.time = time
      self.index = index
      self.part = part
    }

    /// Whether a row of this file with `time` comes before the other file's next.
    func isBefore(_ other: Entry, at time: Int64) -> Bool {
      time != other.time ? time < other.time : index < other.index
    }

    func isBefore(_ other: Entry) -> Bool { isBefore(other, at: time) }
  }

  private var entries: [Entry]

  init(_ entries: [Entry]) {
    self.entries = entries.sorted { $0.isBefore($1) }
  }

  var first: Entry? { entries.first }

  /// What follows if the first had no more rows.
  var second: Entry? {
    switch entries.count {
    case 0, 1: nil
    case 2: entries[1]
    default: entries[1].isBefore(entries[2]) ? entries[1] : entries[2]
    }
  }

  /// The first file's next row has this time.
  mutating func replaceFirst(time: Int64) {
    entries[0].time = time
    sink()
  }

  /// The first file has no more rows.
  mutating func removeFirst() {
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    sink()
  }

  private mutating func sink() {
    var parent = 0
    while true {
      let left = 2 * parent + 1
      if left >= entries.count { return }
      let right = left + 1
      let child = right < entries.count && entries[right].isBefore(entries[left]) ? right : left
      if !entries[child].isBefore(entries[parent]) { return }
      entries.swapAt(parent, child)
      parent = child
    }
  }
}
