import Synchronization

/// Where each partition stands in the random numbers of one call, so that a record batch goes on where the one before ended. A batch of the query
/// begins anew: computed again, it gets the same numbers.
final class RandomPlaces<Place: Sendable>: Sendable {
  private struct Entry {
    var batchSeed: UInt64
    var place: Place
  }

  private let entries = Mutex<[Int: Entry]>([:])
  private let beginning: @Sendable (EvaluationContext) -> Place

  /// `beginning` is where a partition begins.
  init(_ beginning: @escaping @Sendable (EvaluationContext) -> Place) { self.beginning = beginning }

  /// Calls `body` with the partition's place, which it moves on. One thread at a time works on a partition.
  func withPlace<Result>(_ context: EvaluationContext, _ body: (inout Place) -> Result) -> Result {
    let known = entries.withLock { $0[context.partition] }
    var place = known.flatMap { $0.batchSeed == context.seed ? $0.place : nil } ?? beginning(context)
    defer {
      let entry = Entry(batchSeed: context.seed, place: place)
      entries.withLock { $0[context.partition] = entry }
    }
    return body(&place)
  }
}

extension RandomPlaces<XORShift> {
  /// In the sequence of a seed that was given.
  convenience init(seed: UInt64) { self.init { XORShift(seed, $0) } }
}

extension RandomPlaces<Int> {
  /// At the first row.
  convenience init() { self.init { _ in 0 } }

  /// The number of the first of `count` rows.
  func advance(by count: Int, _ context: EvaluationContext) -> Int {
    withPlace(context) { place in
      defer { place += count }
      return place
    }
  }
}
