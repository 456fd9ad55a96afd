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
}
