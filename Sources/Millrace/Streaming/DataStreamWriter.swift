import MillraceColumnar
public import MillraceCore
public import MillraceStreaming

/// Defines where a stream's rows go: `df.writeStream.outputMode("complete").format("console").start()`.
///
/// What is wrong with modes, triggers and options is reported by `start`.
public struct DataStreamWriter: Sendable {
  private let frame: DataFrame
  private var format = "console"
  private var mode: Result<OutputMode, any Error> = .success(.append)
  private var trigger: Result<Trigger, any Error> = .success(.asSoonAsPossible)
  private var settings: [String: String] = [:]
  private var encoder: String?
  private var encodeOptions: [String: String] = [:]
  private var program: StreamingSink.Program?
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
  public func format(_ name: String) -> DataStreamWriter {
    with {
      $0.format = name
      $0.program = nil
    }
  }

  /// What the sink receives with each batch.
  public func outputMode(_ mode: OutputMode) -> DataStreamWriter { with { $0.mode = .success(mode) } }
  /// The same by Spark's word: append, update or complete.
  public func outputMode(_ word: String) -> DataStreamWriter {
    with { $0.mode = Result { try OutputMode(spark: word) } }
  }

  // MARK: Options

  /// An option of the sink; `checkpointLocation` is the query's. Names ignore case.
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
  /// An option of the sink.
  public func option(_ key: String, _ value: Int64) -> DataStreamWriter { option(key, String(value)) }
  /// An option of the sink.
  public func option(_ key: String, _ value: Double) -> DataStreamWriter { option(key, String(value)) }
  /// Several options of the sink.
  public func options(_ values: [String: String]) -> DataStreamWriter {
    values.reduce(self) { $0.option($1.key, $1.value) }
  }
  /// The encoder of a byte sink, for instance `json`, with its settings.
  public func encode(_ name: String, _ options: [String: String] = [:]) -> DataStreamWriter {
    with {
      $0.encoder = name
      $0.encodeOptions = options
    }
  }

  // MARK: Triggers

  /// When batches run.
  public func trigger(_ trigger: Trigger) -> DataStreamWriter { with { $0.trigger = .success(trigger) } }
  /// When batches run, by Spark's words; see ``MillraceStreaming/Trigger/init(spark:)``.
  public func trigger(_ words: String) -> DataStreamWriter {
    with { $0.trigger = Result { try Trigger(spark: words) } }
  }
  /// A batch at multiples of an interval, for instance `"10 seconds"`.
  public func trigger(processingTime interval: String) -> DataStreamWriter {
    with { $0.trigger = Result { .processing(every: try Trigger.interval(interval)) } }
  }
  /// Reads on without batches, and commits at multiples of an interval.
  public func trigger(continuous interval: String) -> DataStreamWriter {
    with { $0.trigger = Result { .continuous(try Trigger.interval(interval)) } }
  }
  /// What is there in as many batches as the limits ask for; then the query ends.
  public func trigger(availableNow: Bool) -> DataStreamWriter {
    trigger(availableNow ? .availableNow : .asSoonAsPossible)
  }
  /// What is there in one batch; then the query ends.
  public func trigger(once: Bool) -> DataStreamWriter { trigger(once ? .once : .asSoonAsPossible) }

  /// Whether a batch is committed while the next is computed.
  public func asyncCommit(_ isOn: Bool = true) -> DataStreamWriter { with { $0.options.asyncCommit = isOn } }
  /// How long rows that later ones replace may wait while more input does, for instance `"1 second"`; `"0 seconds"`: they come out with
  /// each batch.
  public func maxEmitDelay(_ time: String) throws -> DataStreamWriter {
    let delay = try Trigger.interval(time)
    return with { $0.options.maxEmitDelay = delay }
  }
  /// What follows a failure; a new start needs a `checkpointLocation`.
  public func restart(_ policy: RestartPolicy) -> DataStreamWriter { with { $0.options.restart = policy } }
  /// A demand on delivery, checked before the start.
  public func delivery(_ guarantee: DeliveryGuarantee) -> DataStreamWriter { with { $0.options.delivery = guarantee } }
  /// Hears of the query's life and progress.
  public func listener(_ listener: any StreamingQueryListener) -> DataStreamWriter {
    with { $0.options.listeners.append(listener) }
  }

  // MARK: Programs as sinks

  /// Calls a program with each batch's rows, a bounded DataFrame, and the batch's number.
  ///
  /// At least once: a batch that was not committed, because the program threw or the process ended, is given again with the same number
  /// and the same rows. A program that keeps the number with what it writes makes it exactly once. The program runs for batches without
  /// rows, too. What it throws ends the query with `FOREACH_BATCH_USER_FUNCTION_ERROR`.
  public func foreachBatch(_ body: @escaping @Sendable (DataFrame, Int64) async throws -> Void) -> DataStreamWriter {
    let session = frame.session
    return with {
      $0.program = StreamingSink.Program(name: "foreachBatch", isContinuous: false) { request in
        ForeachBatchSink(session, schema: request.schema, body)
      }
    }
  }

  /// Gives each row to a writer.
  ///
  /// At least once: the rows of an epoch that was not committed come again. What the writer throws ends the query with
  /// `FOREACH_USER_FUNCTION_ERROR`.
  public func foreach(_ writer: some ForeachWriter) -> DataStreamWriter {
    with {
      $0.program = StreamingSink.Program(name: "foreach", isContinuous: true) { request in
        ForeachSink(writer, schema: request.schema)
      }
    }
  }

  /// Calls a closure with each row; see the form with a writer for what is guaranteed.
  public func foreach(_ body: @escaping @Sendable (Row) throws -> Void) -> DataStreamWriter {
    foreach(ClosureWriter(body: body))
  }

  // MARK: Start

  /// Starts the query.
  public func start() async throws -> StreamingQuery {
    var options = self.options
    options.trigger = try trigger.get()
    var sink = StreamingSink(
      name: options.name ?? program?.name ?? format, query: try frame.analyzed(), outputMode: try mode.get(),
      format: program?.name ?? format, options: settings)
    sink.encode = encoder
    sink.encodeOptions = encodeOptions
    sink.program = program
    return try frame.session.start([sink], options)
  }

  /// Starts the query with its rows going to the table of a name: of the sink `memory`, or of `sqlite` where `format` says so.
  public func toTable(_ tableName: String) async throws -> StreamingQuery {
    if format.lowercased() == "sqlite" { return try await option("table", tableName).start() }
    return try await format("memory").option("queryName", tableName).queryName(options.name ?? tableName).start()
  }

  /// The same.
  public func toTable(tableName: String) async throws -> StreamingQuery { try await toTable(tableName) }

  /// Starts the query with a path for its sink.
  public func start(_ path: String) async throws -> StreamingQuery { try await option("path", path).start() }
}
