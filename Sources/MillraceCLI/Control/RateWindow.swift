/// Counts of the last seconds, for rates that neither stand still nor jump. Pure: the caller has the clock.
struct RateWindow {
  /// Microseconds that count.
  static let span: Int64 = 10_000_000
  /// Microseconds that are kept together, so that thousands of batches a second take no memory.
  static let slotLength: Int64 = 500_000

  private struct Slot {
    var start: Int64
    var end: Int64
    var counts: [Int64]
  }

  private var slots: [Slot] = []

  /// What is kept.
  var slotCount: Int { slots.count }

  /// Something was done between two times: so much of each kind.
  mutating func add(_ counts: [Int64], from start: Int64, to end: Int64) {
    slots.removeAll { end - $0.end >= Self.span }
    if let last = slots.indices.last, end - slots[last].start < Self.slotLength {
      slots[last].end = end
      for (index, count) in counts.enumerated() { slots[last].counts[index] += count }
    } else {
      slots.append(Slot(start: start, end: end, counts: counts))
    }
  }

  /// How much of each kind a second; nothing where nothing was done of late.
  func rates(at now: Int64, kinds: Int) -> [Double] {
    let recent = slots.filter { now - $0.end < Self.span }
    guard let first = recent.first else { return Array(repeating: 0, count: kinds) }
    let seconds = Double(max(now - first.start, Self.slotLength)) / 1e6
    return (0..<kinds).map { kind in Double(recent.reduce(0) { $0 + $1.counts[kind] }) / seconds }
  }
}
