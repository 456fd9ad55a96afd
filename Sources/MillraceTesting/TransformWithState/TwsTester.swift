public import Millrace
public import MillraceColumnar
public import MillraceCore
import MillraceExecution
import MillracePlan
import MillraceState

/// Tests a `StatefulProcessor` without a query: gives it rows, moves its clock or watermark, and shows what it gives. Spark's `TwsTester`.
///
/// ```swift
/// let tester = try TwsTester(Counter(), key: "word STRING", input: "value INT", output: "word STRING, count BIGINT")
/// #expect(try tester.test(["a"], [[1], [2]]) == [["a", 2]])
/// ```
///
/// State is kept in memory. One call of `test`, `setProcessingTime` or `setWatermark` is a batch.
public final class TwsTester {
  private let runner: StateProgramRunner
  private let key: Schema
  private let input: Schema
  private let output: Schema
  private let timeMode: TimeMode
  private var now: Int64 = 0
  private var watermark: Int64 = 0

  /// A tester of a processor for keys and rows whose columns are given as DDL.
  public convenience init(
    _ processor: some StatefulProcessor, key: String, input: String, output: String, timeMode: TimeMode = .none
  ) throws {
    try self.init(processor, key, input, output, initial: "", timeMode)
  }

  /// A tester of a processor that begins with state of rows, whose columns are `initial`.
  public convenience init(
    _ processor: some StatefulProcessorWithInitialState, key: String, input: String, output: String,
    timeMode: TimeMode = .none, initial: String, initialState: [(key: [Value], row: [Value])]
  ) throws {
    try self.init(processor, key, input, output, initial: initial, timeMode)
    let rows = RecordBatch.of(initialState.map(\.row), schema: try ConformanceRunner.schema(initial))
    let keys = RecordBatch.of(initialState.map(\.key), schema: self.key)
    _ = try runner.begin(with: rows, keyColumns: keys.columns, StateTimes(processing: now, watermark: watermark))
  }

  private init(
    _ processor: some StatefulProcessor, _ key: String, _ input: String, _ output: String, initial: String,
    _ timeMode: TimeMode
  ) throws {
    self.key = try ConformanceRunner.schema(key)
    self.input = try ConformanceRunner.schema(input)
    self.output = try ConformanceRunner.schema(output)
    self.timeMode = timeMode
    let store = MemoryStateStore(
      keyTypes: StateProgramRunner.storeKeyTypes(self.key.types), valueTypes: StateProgramRunner.storeValueTypes)
    let program = ProcessorProgram(
      processor, keyNames: self.key.names, inputNames: self.input.names,
      initialNames: initial.isEmpty ? [] : try ConformanceRunner.schema(initial).names, output: self.output)
    runner = StateProgramRunner(
      program, store, keyTypes: self.key.types, outputTypes: self.output.types, timeMode: timeMode)
  }

  deinit { runner.close() }

  /// A batch of rows of one key: gives the rows that come out.
  public func test(_ key: [Value], _ rows: [[Value]]) throws -> [Row] { try test([(key, rows)]) }

  /// A batch of rows of several keys.
  public func test(_ batch: [(key: [Value], rows: [[Value]])]) throws -> [Row] {
    let keys = batch.flatMap { part in part.rows.map { _ in part.key } }
    let rows = RecordBatch.of(batch.flatMap(\.rows), schema: input)
    return try run(rows, RecordBatch.of(keys, schema: key).columns)
  }

  /// Moves the clock to milliseconds since the epoch and lets timers fire that are due by it. It cannot go back.
  @discardableResult
  public func setProcessingTime(_ milliseconds: Int64) throws -> [Row] {
    precondition(milliseconds * 1000 >= now, "time does not go back")
    now = milliseconds * 1000
    return try test([])
  }

  /// Moves the watermark to milliseconds since the epoch and lets timers fire that are due by it. It cannot go back.
  @discardableResult
  public func setWatermark(_ milliseconds: Int64) throws -> [Row] {
    precondition(milliseconds * 1000 >= watermark, "the watermark does not go back")
    watermark = milliseconds * 1000
    return try test([])
  }

  private func run(_ rows: RecordBatch, _ keys: [ColumnVector]) throws -> [Row] {
    let times = StateTimes(processing: now, watermark: watermark)
    let outcome = try runner.run(rows, keyColumns: keys, times)
    return outcome.rows.rows().map { Row($0, names: output.names) }
  }
}
