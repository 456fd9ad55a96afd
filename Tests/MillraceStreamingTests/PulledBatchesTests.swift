import MillraceColumnar
import MillraceCore
import Synchronization
import Testing

@testable import MillraceStreaming

@Suite struct PulledBatchesTests {
  static func batch(_ number: Int64) -> RecordBatch {
    .of([[.integer(number)]], schema: Schema([StructField("n", .long)]))
  }

  static func all(_ batches: PulledBatches) throws -> [Value] {
    var found: [Value] = []
    while let batch = try batches.next() { found.append(batch.columns[0].value(0)) }
    return found
  }

  @Test func givesWhatWasPushedInOrder() throws {
    let batches = PulledBatches { push in for number in 0..<1000 as Range<Int64> { try push(Self.batch(number)) } }
    #expect(try Self.all(batches) == (0..<1000).map { .integer($0) })
    #expect(try batches.next() == nil)
    #expect(try Self.all(PulledBatches { _ in }).isEmpty)
  }

  /// The pusher is two batches ahead and no more, begins with the first pull, and ends when nobody pulls any more.
  @Test func runsAheadALittle() throws {
    let pushed = Mutex(0)
    let ended = Mutex(false)
    let batches = PulledBatches { push in
      defer { ended.withLock { $0 = true } }
      for number in 0..<1000 as Range<Int64> {
        try push(Self.batch(number))
        pushed.withLock { $0 += 1 }
      }
    }
    #expect(pushed.withLock { $0 } == 0)
    #expect(try batches.next() != nil)
    JournaledSourceTests.wait { pushed.withLock { $0 } == 3 }
    SystemClock().sleep(microseconds: 5000)
    #expect(pushed.withLock { $0 } == 3)
    batches.close()
    #expect(ended.withLock { $0 } && pushed.withLock { $0 } == 3)
  }

  @Test func throwsWhatThePusherThrew() throws {
    let batches = PulledBatches { push in
      try push(Self.batch(1))
      throw MillraceError("STATE_CORRUPT", "told to fail")
    }
    #expect(try batches.next() != nil)
    let error = #expect(throws: MillraceError.self) { try batches.next() }
    #expect(error?.code == "STATE_CORRUPT")
  }
}
