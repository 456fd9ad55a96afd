/// Times at which something may be due, each once, the earliest in front.
///
/// What a batch sets has few different times of processing, so there are about as many as batches until they pass.
struct DueTimes {
  private var heap: [Int64] = []
  private var known: Set<Int64> = []

  /// The earliest.
  var first: Int64? { heap.first }

  mutating func insert(_ time: Int64) {
    guard known.insert(time).inserted else { return }
    heap.append(time)
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2] > heap[child] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Removes all up to `time`.
  mutating func remove(through time: Int64) {
    while let first, first <= time {
      known.remove(first)
      heap.swapAt(0, heap.count - 1)
      heap.removeLast()
      var parent = 0
      while true {
        let left = 2 * parent + 1
        if left >= heap.count { break }
        let child = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
        if heap[parent] <= heap[child] { break }
        heap.swapAt(parent, child)
        parent = child
      }
    }
  }
}
