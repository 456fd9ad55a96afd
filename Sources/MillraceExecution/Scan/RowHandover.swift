import Glibc
import MillraceColumnar
import MillraceCore

/// Gives rows to sinks that take them early: in the order of the splits, while others are still computed, on a thread of its own.
///
/// The rows of the first split that has not ended go to the sink as they come; those of later splits wait. What makes no work worth a
/// change of threads is written by the query's own thread once all is computed.
final class RowHandover: @unchecked Sendable {
  /// The rows of one output in one batch.
  final class Line {
    fileprivate let sink: any SinkOutput
    /// The split whose rows go on.
    fileprivate var turn = 0
    fileprivate var ended: Set<Int> = []
    /// Of later splits.
    fileprivate var held: [Int: [RecordBatch]] = [:]
    /// To be written next.
    fileprivate var ready: [RecordBatch] = []
    fileprivate var readyRows = 0
    fileprivate var rowCount = 0
    fileprivate var batchCount = 0
    fileprivate var nanoseconds: Int64 = 0

    fileprivate init(_ sink: any SinkOutput) { self.sink = sink }
  }

  /// Rows that are worth waking the thread for.
  private static let enough = 1 << 14
  private let clock: any Clock
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  // All guarded by `mutex`, lines included.
  private var queue: [(line: Line, batches: [RecordBatch])] = []
  private var isWriting = false
  private var failure: (any Error)?
  private var isClosed = false
  // The query's own thread's.
  private var thread: pthread_t?

  init(clock: any Clock) {
    self.clock = clock
    mutex = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  // MARK: Workers

  /// Takes rows of a split. Throws what ended the writing.
  func add(_ batch: RecordBatch, of split: Int, _ line: Line) throws {
    try locked {
      if let failure { throw failure }
      if split == line.turn {
        makeReady([batch], line)
      } else {
        line.held[split, default: []].append(batch)
      }
    }
  }

  /// All rows of a split were added.
  func endSplit(_ split: Int, _ line: Line) {
    locked {
      line.ended.insert(split)
      while line.ended.remove(line.turn) != nil {
        line.turn += 1
        if let next = line.held.removeValue(forKey: line.turn) { makeReady(next, line) }
      }
    }
  }

  private func makeReady(_ batches: [RecordBatch], _ line: Line) {
    line.ready += batches
    line.readyRows += batches.reduce(0) { $0 + $1.rowCount }
    guard line.readyRows >= Self.enough else { return }
    queue.append((line, line.ready))
    line.ready = []
    line.readyRows = 0
    pthread_cond_broadcast(changed)
  }

  // MARK: The query's own thread

  /// The rows of an output of the batch to come.
  func makeLine(_ sink: any SinkOutput) -> Line {
    if thread == nil { start() }
    return Line(sink)
  }

  private func start() {
    var made = pthread_t()
    let status = pthread_create(
      &made, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<RowHandover>.fromOpaque(raw).takeRetainedValue().writeAll()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    if status == 0 { thread = made } else { Unmanaged.passUnretained(self).release() }
  }

  /// Waits until the sinks have what the thread was given: they can be used by the query's own thread. Throws what ended the writing.
  func drain() throws {
    try locked {
      guard thread != nil else { return }
      while !queue.isEmpty || isWriting { pthread_cond_wait(changed, mutex) }
      if let failure { throw failure }
    }
  }

  /// Writes the rest of a line, whose rows were all added; their number, the number of batches and the time that the thread took.
  func finish(_ line: Line) throws -> (rows: Int, batches: Int, nanoseconds: Int64) {
    try drain()
    // Without a thread nothing left the queue.
    let rest = locked {
      let queued = queue.filter { $0.line === line }.flatMap(\.batches)
      queue.removeAll { $0.line === line }
      return queued + line.ready + line.held.sorted { $0.key < $1.key }.flatMap(\.value)
    }
    (line.ready, line.held) = ([], [:])
    for batch in rest {
      try line.sink.write(batch)
      line.rowCount += batch.rowCount
      line.batchCount += 1
    }
    return (line.rowCount, line.batchCount, line.nanoseconds)
  }

  /// Forgets what was not written, and what went wrong: the batch is given up, or the next one begins.
  func reset() {
    locked {
      queue = []
      while isWriting { pthread_cond_wait(changed, mutex) }
      failure = nil
    }
  }

  /// Ends the thread.
  func close() {
    reset()
    locked {
      isClosed = true
      pthread_cond_broadcast(changed)
    }
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }

  // MARK: Its thread

  private func writeAll() {
    pthread_mutex_lock(mutex)
    while true {
      while queue.isEmpty && !isClosed { pthread_cond_wait(changed, mutex) }
      if queue.isEmpty { break }
      let (line, batches) = queue.removeFirst()
      isWriting = true
      pthread_mutex_unlock(mutex)
      let start = clock.monotonicNanoseconds()
      var problem: (any Error)?
      do { for batch in batches { try line.sink.write(batch) } } catch { problem = error }
      let spent = clock.monotonicNanoseconds() - start
      pthread_mutex_lock(mutex)
      line.nanoseconds += spent
      line.batchCount += batches.count
      line.rowCount += batches.reduce(0) { $0 + $1.rowCount }
      isWriting = false
      if let problem {
        failure = problem
        queue = []
      }
      pthread_cond_broadcast(changed)
    }
    pthread_mutex_unlock(mutex)
  }
}

/// Hands rows on as they come.
final class HandoverTerminal: StageTerminal {
  private let handover: RowHandover
  private let line: RowHandover.Line

  init(_ handover: RowHandover, _ line: RowHandover.Line) {
    self.handover = handover
    self.line = line
  }

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws {
    let own = RecordBatch(rowCount: batch.rowCount, columns: batch.columns.map { $0.detached() })
    try handover.add(own, of: context.splitIndex, line)
  }

  func endSplit(_ context: TaskContext) throws { handover.endSplit(context.splitIndex, line) }
}
