import MillraceCore
import MillraceFormats
import Synchronization

extension ScanGroup {
  /// What the workers of one scan share: whose turn it is, and what reading each split came to.
  final class Shared: @unchecked Sendable {
    let next = Atomic<Int>(0)
    let isStopped = Atomic<Bool>(false)
    let failures = Mutex<[(split: Int, error: any Error)]>([])
    /// Readers to go on with in the next batch; guarded by `failures` while workers run.
    private(set) var open: [String: OpenSplit] = [:]
    let splitCount: Int
    /// Guarded by `failures`.
    private var results: UnsafeMutableBufferPointer<SplitResult>
    /// Bad records that are kept, by split; guarded by `failures` while workers run.
    private(set) var badRecords: [Int: SplitBadRecords] = [:]
    /// Where windows change hands; nil if a split must be computed by the worker that reads it.
    let exchange: WindowExchange?
    init(count: Int, exchange: WindowExchange?) {
      self.exchange = exchange
      splitCount = count
      results = .allocate(capacity: count)
      results.initialize(repeating: SplitResult())
    }
    deinit {
      results.deinitialize()
      results.deallocate()
    }

    /// What reading each split came to. A copy, since the memory goes with this object.
    var resultsBySplit: [SplitResult] { failures.withLock { _ in Array(results) } }

    func keep(_ split: OpenSplit, _ key: String) { failures.withLock { _ in open[key] = split } }

    /// A split was read to its end.
    func ended(_ split: Int, bytesConsumed: Int64, reachedEnd: Bool) {
      failures.withLock { _ in
        results[split].bytesConsumed = bytesConsumed
        results[split].reachedEnd = reachedEnd
      }
    }

    /// Rows of a split came out, by whichever worker.
    func count(_ split: Int, rows: Int64, badRecords: Int64) {
      failures.withLock { _ in
        results[split].rowCount += rows
        results[split].badRecordCount += badRecords
      }
    }

    /// A split was read to its end by one worker, with these bad records.
    func keep(_ records: SplitBadRecords, of split: Int) { failures.withLock { _ in badRecords[split] = records } }

    /// Bad records came out of a window, by whichever worker.
    func keep(_ records: BadRecords, lineCount: Int, of split: Int, at offset: Int64) {
      failures.withLock { _ in
        badRecords[split, default: SplitBadRecords()].add(records, lineCount: lineCount, at: offset)
      }
    }

    func failed(_ split: Int, _ error: any Error) {
      isStopped.store(true, ordering: .relaxed)
      failures.withLock { $0.append((split, error)) }
    }
  }
}
