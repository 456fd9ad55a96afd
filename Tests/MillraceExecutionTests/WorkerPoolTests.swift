import Dispatch
import MillraceExecution
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  @Test(arguments: [(1, true), (3, true), (3, false)])
  func mapsInOrder(workers: Int, isParallel: Bool) throws {
    let pool = WorkerPool(count: workers)
    defer { pool.close() }
    let calls = Atomic<Int>(0)
    let squares = try pool.map(100, isParallel: isParallel) { index in
      calls.wrappingAdd(1, ordering: .relaxed)
      return index * index
    }
    #expect(squares == (0..<100).map { $0 * $0 })
    #expect(calls.load(ordering: .relaxed) == 100)
    #expect(try pool.map(0, isParallel: isParallel) { $0 }.isEmpty)
  }

  private struct Failure: Error, Equatable {
    var index: Int
  }

  @Test func throwsTheFirstError() throws {
    let pool = WorkerPool(count: 2)
    defer { pool.close() }
    #expect(throws: Failure(index: 7)) {
      try pool.map(40, isParallel: true) { index in if index >= 7 { throw Failure(index: index) } }
    }
  }

  /// Threads without a job do what there is meanwhile, until it is done, and are there for the next job.
  @Test func idleThreadsWork() throws {
    let pool = WorkerPool(count: 2)
    defer { pool.close() }
    let done = Atomic<Int>(0)
    let ended = DispatchSemaphore(value: 0)
    pool.whileIdle {
      if done.wrappingAdd(1, ordering: .relaxed).newValue < 5 { return true }
      ended.signal()
      return false
    }
    for _ in 0..<3 { #expect(try pool.map(10, isParallel: true) { $0 } == Array(0..<10)) }
    ended.wait()
    #expect(try pool.map(10, isParallel: true) { $0 } == Array(0..<10))
    #expect(done.load(ordering: .relaxed) == 5)
  }
}
