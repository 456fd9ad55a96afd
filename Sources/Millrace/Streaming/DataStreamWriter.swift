public import MillraceCore
public import MillraceStreaming

/// Defines where a stream's rows go: `df.writeStream.outputMode("complete").format("console").start()`.
public struct DataStreamWriter: Sendable {
  private let frame: DataFrame
  private var format = "console"
  private var mode: Result<OutputMode, any Error> = .success(.append)
  private var settings: [String: String] = [:]
  private var encoder: String?
  private var options = StreamingOptions()

  init(_ frame: DataFrame) { self.frame = frame }

  private func with(_ change: (inout DataStreamWriter) -> Void) -> DataStreamWriter {
    var copy = self
    change(&copy)
    return copy
  }

  /// The query's name.
  public func queryName(_ name: String) -> DataStreamWriter { with { $0.options.name = name } }
  /// The connector's name.
  public func format(_ name: String) -> DataStreamWriter { with { $0.format = name } }
  /// What the sink receives with each batch.
  public func outputMode(_ mode: OutputMode) -> DataStreamWriter { with { $0.mode = .success(mode) } }
  /// The same by Spark's word: append, update or complete.
  public func outputMode(_ word: String) -> DataStreamWriter {
    with { writer in
      writer.mode = Result {
        guard let mode = OutputMode(rawValue: word.lowercased()) else {
          throw MillraceError(
            "STREAMING_OUTPUT_MODE.INVALID", "the output mode '\(word)' is unknown",
            hint: "one of: append, update, complete")
        }
        return mode
      }
    }
  }
  /// An option of the sink; `checkpointLocation` is the query's.
  public func option(_ key: String, _ value: String) -> DataStreamWriter {
    with { writer in
      if key.lowercased() == "checkpointlocation" {
        writer.options.checkpointLocation = value
      } else {
        writer.settings.set(option: key, value)
      }
    }
  }
  /// An option of the sink.
  public func option(_ key: String, _ value: Bool) -> DataStreamWriter { option(key, String(value)) }
  /// An option of the sink.
  public func option(_ key: String, _ value: Int) -> DataStreamWriter { option(key, String(value)) }
  /// The encoder of a byte sink, for instance `json`.
  public func encode(_ name: String) -> DataStreamWriter { with { $0.encoder = name } }
  /// When batches run.
  public func trigger(_ trigger: Trigger) -> DataStreamWriter { with { $0.options.trigger = trigger } }
  /// A demand on delivery, checked before the start.
  public func delivery(_ guarantee: DeliveryGuarantee) -> DataStreamWriter { with { $0.options.delivery = guarantee } }
  /// Hears of the query's life and progress.
  public func listener(_ listener: any StreamingQueryListener) -> DataStreamWriter {
    with { $0.options.listeners.append(listener) }
  }

  /// Starts the query.
  public func start() async throws -> StreamingQuery {
    var sink = StreamingSink(
      name: options.name ?? format, query: try frame.analyzed(), outputMode: try mode.get(), format: format,
      options: settings)
    sink.encode = encoder
    return try frame.session.start([sink], options)
  }

  /// Starts the query with a path for its sink.
  public func start(_ path: String) async throws -> StreamingQuery { try await option("path", path).start() }
}
