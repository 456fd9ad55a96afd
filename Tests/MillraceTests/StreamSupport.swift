import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Synchronization

/// A session over memory streams, for tests of streaming programs.
struct StreamBench: Sendable {
  let hub = MemoryHub()
  let spark: SparkSession

  init(environment: Environment = .live) {
    spark = SparkSession(connectors: [MemoryConnector(hub)], environment: environment, workers: 2)
  }

  /// A stream to add rows to, and the query's side of it.
  func stream(_ name: String, _ fields: [StructField]) async throws -> (input: MemoryStream, frame: DataFrame) {
    let input = try hub.stream(name, schema: Schema(fields))
    return (input, await spark.readStream.format("memory").option("stream", name).load())
  }

  /// Rows of a memory table as texts, sorted.
  func table(_ name: String) -> [String] { hub.table(name).rows.map { Row($0).description }.sorted() }
}

/// A directory that goes away with the value.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = "/tmp/millrace-tests-\(UInt64.random(in: 0 ... .max))"
    try PosixFileSystem().createDirectory(path)
  }

  deinit { try? PosixFileSystem().removeTree(path) }
}

/// A clock that stands still until it is moved.
final class ManualClock: Clock {
  private let time: Atomic<Int64>

  init(microseconds: Int64) { time = Atomic(microseconds) }

  func advance(_ microseconds: Int64) { time.wrappingAdd(microseconds, ordering: .relaxed) }
  func now() -> Int64 { time.load(ordering: .relaxed) }
  func monotonicNanoseconds() -> Int64 { now() * 1000 }
  func sleep(microseconds: Int64) { advance(microseconds) }
}
