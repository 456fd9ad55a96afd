import MillraceColumnar

/// Built rows of a join that share a key, in the order of their first words, so that those within the bounds of a row are found without
/// looking at many others.
final class JoinRanges {
  let scale: JoinBounds.Scale
  /// By place; ascending among the rows of a key.
  private var firsts: RawArray<UInt64>
  /// The largest second word of the key's rows up to each place; empty without a second bound.
  private var running = RawArray<UInt64>()
  /// Second words by place, behind them the largest of each `fanOut`, of each `fanOut` of those and so on.
  private var largest = RawArray<UInt64>()
  /// Where the levels of `largest` begin.
  private var levels = RawArray<Int>()

  private static let fanOut = 16
  /// Rows of a key from which on ranges help.
  static let worthwhile = 16

  /// Sorts the members of each key. `starts` are where the members of keys begin, and the end.
  init(_ members: inout [Int32], starts: [Int32], _ words: JoinBounds.Words, _ scale: JoinBounds.Scale) {
    self.scale = scale
    let count = members.count
    firsts = RawArray(capacity: count)
    let memory = MemoryBuffer(capacity: count * 2 * MemoryLayout<RadixSort.Entry>.stride)
    let entries = memory.base.assumingMemoryBound(to: RadixSort.Entry.self)
    for place in 0..<count {
      let row = Int(members[place])
      entries[place] = RadixSort.Entry(word: words.first[row], value: UInt64(truncatingIfNeeded: row))
    }
    for (start, end) in zip(starts, starts.dropFirst()) where end - start > 1 {
      RadixSort.sort(entries + Int(start), Int(end - start), spare: entries + count)
    }
    for place in 0..<count {
      firsts.append(entries[place].word)
      members[place] = Int32(truncatingIfNeeded: entries[place].value)
    }
    withExtendedLifetime(memory) {}
    if !words.second.isEmpty { addSecond(words.second, members, starts) }
  }

  private func addSecond(_ words: [UInt64], _ members: [Int32], _ starts: [Int32]) {
    for member in members { largest.append(words[Int(member)]) }
    for (start, end) in zip(starts, starts.dropFirst()) {
      var top: UInt64 = 0
      for place in Int(start)..<Int(end) {
        top = max(top, largest[place])
        running.append(top)
      }
    }
    levels.append(0)
    while largest.count - levels[levels.count - 1] > Self.fanOut {
      let level = levels[levels.count - 1]..<largest.count
      levels.append(level.upperBound)
      for start in stride(from: level.lowerBound, to: level.upperBound, by: Self.fanOut) {
        var top: UInt64 = 0
        for index in start..<min(start + Self.fanOut, level.upperBound) { top = max(top, largest[index]) }
        largest.append(top)
      }
    }
  }

  /// The places of those rows of a key whose first word is small enough.
  func beginning(by first: UInt64, among places: Range<Int>) -> Range<Int> {
    var low = places.lowerBound, high = places.upperBound
    while low < high {
      let middle = (low + high) / 2
      if firsts[middle] <= first { low = middle + 1 } else { high = middle }
    }
    return places.lowerBound..<low
  }

  /// Takes the last of the places whose second word is large enough; nil if none is.
  func takeLast(of places: inout Range<Int>, endingBy second: UInt64) -> Int? {
    var end = places.upperBound
    let hasSecond = levels.count > 0
    while end > places.lowerBound && (!hasSecond || running[end - 1] >= second) {
      if !hasSecond || largest[end - 1] >= second {
        places = places.lowerBound..<end - 1
        return end - 1
      }
      // Whole parts before `end` that have nothing are left out at once.
      var width = 1, level = 1
      while level < levels.count, end % (width * Self.fanOut) == 0,
        largest[levels[level] + end / (width * Self.fanOut) - 1] < second
      {
        width *= Self.fanOut
        level += 1
      }
      end -= width
    }
    places = places.lowerBound..<places.lowerBound
    return nil
  }
}
