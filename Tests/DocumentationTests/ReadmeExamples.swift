import Millrace
import MillraceCLI
import MillraceCore
import Synchronization

// The Swift examples of the README, line by line; `ReadmeTests` compares the two.

/// "Word count". Hands the query over when it runs; ends when somebody stops it.
func wordCount(_ hasStarted: @Sendable (StreamingQuery) -> Void) async throws {
  let spark = try await SparkSession.builder.getOrCreate()
  let lines = await spark.readStream.format("socket").option("host", "localhost").option("port", 9999).load()
  let words = lines.select(explode(split(col("value"), " ")).alias("word"))
  let query = try await words.groupBy("word").count().writeStream.outputMode("complete").format("console").start()
  hasStarted(query)
  try await query.awaitTermination()
}

/// "Write a connector".
struct GreetingConnector: Connector {
  var spec: ConnectorSpec {
    ConnectorSpec(
      name: "greeting", summary: "Prints a greeting for each batch.", kinds: [.sink],
      sinkFields: [OptionField("name", .string, "Who is greeted.", default: "world")])
  }

  func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .rows(GreetingSink(name: try request.options.required("name")))
  }
}

/// The command with the connector in it.
func command() -> Never {
  MillraceCommandLine.main(connectors: [GreetingConnector()])
}

/// What the README leaves to the reader: the sink itself. It keeps its greetings, so that a test can see them.
final class GreetingSink: RowSink {
  static let greetings = Mutex<[String]>([])
  private let name: String

  init(name: String) { self.name = name }

  var description: String { "greeting[\(name)]" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { [.append, .update, .complete] }
  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
  func begin(batchID: Int64) throws {}
  func write(_ batch: RecordBatch) throws {}
  func commit(batchID: Int64) throws -> JSON {
    Self.greetings.withLock { $0.append("hello, \(name)") }
    return .null
  }
}
