public import MillraceColumnar
public import MillraceCore
import MillraceExpressions
import MillraceFormats
public import MillracePlan

/// One result of a query: a plan and how its rows come out.
public struct QueryOutput: Sendable {
  /// The sink's name.
  public var name: String
  /// What is computed, with the subqueries that must run before it.
  public var query: AnalyzedQuery
  /// Which rows come out in each batch of a stream.
  public var outputMode: OutputMode
  /// Whether what waits for more input comes out in a batch at the end of all input.
  public var closesAtEndOfInput: Bool

  /// Names a result.
  public init(name: String, query: AnalyzedQuery, outputMode: OutputMode, closesAtEndOfInput: Bool = true) {
    self.closesAtEndOfInput = closesAtEndOfInput
    self.name = name
    self.query = query
    self.outputMode = outputMode
  }
}

/// A streaming query, compiled: several outputs fed by one read of each source.
public final class QueryExecutor: BatchExecutor {
  /// The streaming sources, in the order of `BatchInput.plans`; tables are not among them.
  public let sources: [any Source]
  /// Names of the sources in the queries, in the order of `sources`.
  public let sourceNames: [String]
  /// One store for each piece of state, in the order in which planning met the operators; the same for the same query.
  public let stateStores: [any StateStore]
  /// What must stay the same between runs on one checkpoint, sources first, in the same order at each run.
  public let fingerprints: [OperatorFingerprint]
  /// What each of the stores holds.
  public let stateLayouts: [StateLayout]
  /// The watermark definitions, in the order of `BatchOutput.eventTimes`.
  public let watermarks: [WatermarkSettings]
  /// Counts where the time goes.
  public let profiler: QueryProfiler?
  private let outputs: [CompiledOutput]
  /// By output.
  private let closesAtEndOfInput: [Bool]
  private let groups: [ScanGroup]
  private let pool: WorkerPool
  private let handover: RowHandover
  private let runsOnWatermark: Bool
  private let observations: Observations
  private let stateOperatorCount: Int
  private let timers: [() throws -> Int64?]
  private let closers: [() -> Void]
  private let taps: QueryTaps?

  /// Compiles outputs over the relations that `bindings` give by id. `stateDirectory` is where stores may keep files. With
  /// `keepsLateRows`, rows that operators leave out as late come along with each batch. `taps` is where rows can be looked at.
  public init(
    _ outputs: [QueryOutput], bindings: [Int: ScanBinding], stateProvider: any StateStoreProvider,
    stateDirectory: String?,
    environment: Environment = .live, workers: Int? = nil, keepsLateRows: Bool = false, taps: QueryTaps? = nil
  ) throws {
    self.taps = taps
    let pool = WorkerPool(count: workers ?? WorkerPool.processorCount, clock: environment.clock)
    self.pool = pool
    let handover = RowHandover(clock: environment.clock)
    self.handover = handover
    profiler = pool.profiler
    let scans = ScanGroups(bindings, pool: pool)
    let stores = StateStores(provider: stateProvider, directory: stateDirectory, environment: environment)
    let watermarks = Watermarks()
    let observations = Observations()
    closesAtEndOfInput = outputs.map(\.closesAtEndOfInput)
    self.outputs = try pool.profiler.charging(.planning) {
      try outputs.enumerated().map { index, output in
        let constants = try SubqueryRunner(bindings: bindings, pool: pool).run(output.query.subqueries)
        let plan = try Optimizer.optimize(
          constants.applied(to: output.query.plan),
          rules: keepsLateRows ? Optimizer.rulesKeepingLateRows : Optimizer.rules)
        let profile = pool.profiler.addSink(output.name, output.outputMode)
        let planner = PhysicalPlanner(
          scans: scans, mode: output.outputMode, stores: stores, watermarks: watermarks,
          profile: profile, observations: observations, lateOutput: keepsLateRows ? output.name : nil)
        let tap = taps?.point(.sink, output.name).map { RowTap(point: $0, schema: plan.schema) }
        let operatorCount = stores.fingerprints.count
        let fragment = try planner.plan(plan)
        let compiled = CompiledOutput(fragment, profile, pool.profiler, index, handover, tap)
        // Only of one aggregation is it known which of its groups are due.
        if stores.fingerprints.count == operatorCount + 1, let aggregate = planner.statefulAggregates.first {
          compiled.state = aggregate
          if aggregate.aggregate.mayWithhold { compiled.rows = ReplaceableRows(plan, output.outputMode) }
        }
        return compiled
      }
    }
    groups = scans.streamOrder
    for group in groups {
      group.tapPoint = taps?.point(.source, group.binding.name)
      group.leaveOutFiles()
    }
    sources = groups.map(\.binding.input.source)
    sourceNames = groups.map(\.binding.name)
    stateStores = stores.stores
    stateOperatorCount = stores.fingerprints.count
    // Offsets are kept by a source's place, and the plan of a pending batch is read by the source that made it.
    fingerprints =
      groups.map { group in
        let kind = group.binding.input.source.description.prefix { $0 != "[" }
        return OperatorFingerprint(name: "source \(group.binding.name)", content: String(kind))
      } + stores.fingerprints
    stateLayouts = stores.layouts
    self.watermarks = watermarks.settings
    self.observations = observations
    runsOnWatermark = stores.runsOnWatermark
    timers = stores.timers
    closers = stores.closers
  }

  /// Whether a batch's memory grows with its input, not only with its groups.
  public var holdsRows: Bool {
    groups.contains { group in
      group.binding.badRecords.policy == .deadLetter || group.chains.contains(where: \.holdsRows)
    }
  }

  /// Calls `body` with each index below `count` on the workers.
  public func forEach(_ count: Int, _ body: (Int) throws -> Void) throws {
    _ = try pool.map(count, isParallel: true, body)
  }

  /// The same beside `main`; with one worker after it.
  public func forEach(
    _ count: Int, as phase: ProfilePhase, beside main: () throws -> Void, _ body: (Int) throws -> Void
  ) throws {
    try pool.map(count, beside: main) { index in
      guard let lane = ProfileLane.current else { return try body(index) }
      try lane.charging(phase.slot) { try body(index) }
    }
  }

  /// Worker threads.
  public var workerCount: Int { pool.count }

  /// Computes a batch.
  public func execute(_ input: BatchInput, outputs sinks: [(any SinkOutput)?]) throws -> BatchOutput {
    try pool.profiler.charging(.other) { try measured(input, sinks) }
  }

  private func context(_ input: BatchInput) -> BatchContext {
    BatchContext(
      evaluation: EvaluationContext(batchTimestamp: input.timestamp, seed: input.seed), batchID: input.batchID,
      lateWatermark: input.lateWatermark, watermark: input.watermark, isEndOfInput: input.isEndOfInput,
      plans: input.plans.map { SourcePlanState($0) }, watermarkCount: watermarks.count,
      stateOperatorCount: stateOperatorCount, clock: pool.profiler.clock)
  }

  /// What each output's rows say of those before.
  public var replaceableRows: [ReplaceableRows?] { outputs.map(\.rows) }

  /// Gives rows apart from a batch. Throws `SINK_BEHIND_CHECKPOINT` for an output whose rows are not those of one aggregation.
  public func emit(_ input: BatchInput, _ scope: EmissionScope, outputs sinks: [(any SinkOutput)?]) throws -> [Int64] {
    let context = context(input)
    return try pool.profiler.charging(.other) {
      try zip(outputs, sinks).map { output, sink in try sink.map { try output.emit(context, scope, $0) } ?? 0 }
    }
  }

  /// The rows that the last batch kept back come out with those of a later one.
  public func postpone(_ outputs: Set<Int>) throws {
    for index in outputs { self.outputs[index].state?.aggregate.postpone() }
  }

  private func measured(_ input: BatchInput, _ sinks: [(any SinkOutput)?]) throws -> BatchOutput {
    taps?.begin(batchID: input.batchID)
    let context = context(input)
    for (output, sink) in zip(outputs, sinks) { try output.prepare(sink) }
    var rows: [Int64] = []
    do {
      for (index, output) in outputs.enumerated() {
        context.isEndOfInput = input.isEndOfInput && closesAtEndOfInput[index]
        rows.append(
          try input.withheld.contains(index) ? output.takeIn(context) : output.run(context, sinks[index]))
      }
    } catch {
      // The sinks are the control thread's again, which ends them.
      handover.reset()
      throw error
    }
    for (group, plan) in zip(groups, context.plans) {
      try group.binding.badRecords.check(plan, source: group.binding.name, batchID: input.batchID)
    }
    var output = BatchOutput(
      splitResults: context.plans.map(\.results), eventTimes: context.eventTimes,
      stateOperators: context.stateOperators,
      outputRows: rows, bytesRead: context.bytesRead)
    output.badRecords = context.plans.map(\.badRecords)
    output.lateRows = context.lateRows
    output.observed = observations.results(context)
    return output
  }

  /// Spark's rule: a stateful operator over a watermark asks for a batch whenever it moved, on whatever keys it works.
  public func wantsNoDataBatch(from old: Int64, to new: Int64) -> Bool { runsOnWatermark && new > old }

  /// When a timer is due by processing time.
  public func nextTimer() throws -> Int64? { try timers.compactMap { try $0() }.min() }

  /// Ends workers, open readers and the programs of stateful operators.
  public func close() {
    handover.close()
    for closer in closers { closer() }
    for group in groups { group.closeOpenSplits() }
    pool.close()
  }
}

/// The root of one output: rows go to a sink, encoded on the workers where the sink takes bytes.
private final class CompiledOutput {
  private let fragment: Fragment
  private let serial: any PhysicalOperator
  private let profiler: QueryProfiler
  private let slots: QueryProfiler.SinkSlots
  /// Where the time of the chains' ends is counted while their rows are collected.
  private let collectSlots: [Int]
  private let handover: RowHandover
  /// Of a batch whose rows go to the sink as they come.
  private var line: RowHandover.Line?
  /// Shows the rows that the sink gets.
  private let tap: RowTap?
  /// The one operator with state, if it is an aggregation.
  var state: PhysicalPlanner.PlannedAggregate?
  /// What the rows say of those before, where they may come out later than with their batch.
  var rows: ReplaceableRows?

  init(
    _ fragment: Fragment, _ profile: PlanProfile, _ profiler: QueryProfiler, _ index: Int, _ handover: RowHandover,
    _ tap: RowTap?
  ) {
    self.tap = tap
    self.fragment = fragment
    self.handover = handover
    self.profiler = profiler
    serial = profile.collected(fragment)
    slots = profiler.sinkSlots(index)
    collectSlots = if case .chains(let chains) = fragment { chains.map(\.chain.terminalSlot) } else { [] }
  }

  /// Chooses, before any scan runs, where the rows of chains end up.
  func prepare(_ sink: (any SinkOutput)?) throws {
    guard case .chains(let chains) = fragment else { return }
    for chain in chains { chain.chain.tap = sink == nil ? nil : tap }
    if let sink, let chain = chains.first, chains.count == 1, sink.takesRowsEarly, chain.group.givesSplitsInOrder {
      let line = handover.makeLine(sink)
      nonisolated(unsafe) let rows = line
      let handover = handover
      chain.chain.terminalSlot = collectSlots[0]
      chain.chain.makeTerminal = { HandoverTerminal(handover, rows) }
      self.line = line
      return
    }
    line = nil
    let encodes = try sink?.makeBlockEncoder() != nil
    for (chain, collectSlot) in zip(chains, collectSlots) {
      chain.chain.terminalSlot = encodes ? slots.encode : collectSlot
      nonisolated(unsafe) let target = sink
      chain.chain.makeTerminal = {
        if encodes, let encoder = try target?.makeBlockEncoder() { return EncodeTerminal(encoder) }
        return CollectTerminal()
      }
    }
  }

  func run(_ context: BatchContext, _ sink: (any SinkOutput)?) throws -> Int64 {
    if case .chains(let chains) = fragment {
      if let line {
        for chain in chains {
          try chain.group.run(context)
          chain.chain.terminals = []
        }
        return try finish(line)
      }
      var blocks: [FinishedBlock] = []
      var isEncoded = false
      for chain in chains {
        try chain.group.run(context)
        let parts = chain.chain.terminals.compactMap { $0 as? EncodeTerminal }
        isEncoded = isEncoded || !parts.isEmpty
        blocks += parts.flatMap(\.blocks).sorted { $0.split < $1.split }.flatMap(\.blocks)
      }
      if isEncoded {
        for chain in chains { chain.chain.terminals = [] }
        let rows = blocks.reduce(0) { $0 + $1.rowCount }
        try writing(rows: rows, batches: blocks.count) { try sink?.write(blocks) }
        return Int64(rows)
      }
    }
    return try runSerial(context, sink)
  }

  /// Takes a batch into the state; its rows are asked for afterwards.
  func takeIn(_ context: BatchContext) throws -> Int64 {
    context.emission = .withheld
    defer { context.emission = .withBatch }
    _ = try state?.measured.execute(context)
    return 0
  }

  /// Gives rows of groups that were taken in.
  func emit(_ context: BatchContext, _ scope: EmissionScope, _ sink: any SinkOutput) throws -> Int64 {
    guard state != nil else {
      throw MillraceError(
        "SINK_BEHIND_CHECKPOINT",
        "rows of a sink were left to a later batch, and the query has changed so that they cannot be given any more",
        hint: "run the query once as it was before, or start with a new checkpoint and an empty sink", fault: .external)
    }
    context.emission = .apart(scope)
    defer { context.emission = .withBatch }
    return try runSerial(context, sink)
  }

  private func runSerial(_ context: BatchContext, _ sink: (any SinkOutput)?) throws -> Int64 {
    var rows: Int64 = 0
    // The rows of chains were shown where they came to their end.
    var shown: RowTap?
    if case .serial = fragment, sink != nil { shown = tap }
    for batch in try rowsInOrder(context, sink?.orderColumn) {
      rows += Int64(batch.rowCount)
      shown?.offer(batch)
      try writing(rows: batch.rowCount, batches: 1) { try sink?.write(batch) }
    }
    return rows
  }

  /// Rows of a part from which on sorting it beside others is worth while.
  private static let sortedFrom = 1 << 12

  /// All rows, in parts that are each in the order of a column where workers can sort them.
  private func rowsInOrder(_ context: BatchContext, _ column: Int?) throws -> [RecordBatch] {
    guard let column, serial.reducesOnWorkers else { return try serial.execute(context) }
    return try profiler.control.charging(slots.write) {
      try serial.execute(context) { batch in
        if batch.rowCount < Self.sortedFrom { return batch }
        let key = batch.columns[column]
        return batch.gathered(RowOrder([key], [SortOrder(.null(key.type))]).sorted())
      }
    }
  }

  private func finish(_ line: RowHandover.Line) throws -> Int64 {
    try profiler.charging(.waitForWorkers) { try handover.drain() }
    let written = try profiler.control.charging(slots.write) { try handover.finish(line) }
    profiler.writer.charge(slots.write, nanoseconds: written.nanoseconds)
    profiler.control.count(slots.write, rowsIn: 0, rowsOut: written.rows, batches: written.batches)
    return Int64(written.rows)
  }

  private func writing(rows: Int, batches: Int, _ body: () throws -> Void) throws {
    // Sinks may share what they write to.
    try handover.drain()
    try profiler.control.charging(slots.write, body)
    profiler.control.count(slots.write, rowsIn: 0, rowsOut: rows, batches: batches)
  }
}

/// A query over bounded input, run once.
public enum BatchQuery {
  /// All rows of the result.
  public static func run(
    _ query: AnalyzedQuery, bindings: [Int: ScanBinding] = [:], timestamp: Int64, workers: Int? = nil
  ) throws -> [RecordBatch] {
    try profiled(query, bindings: bindings, timestamp: timestamp, workers: workers).rows
  }

  /// All rows of the result, and where the time went.
  public static func profiled(
    _ query: AnalyzedQuery, bindings: [Int: ScanBinding] = [:], timestamp: Int64, workers: Int? = nil
  ) throws -> (rows: [RecordBatch], profile: QueryProfile) {
    let pool = WorkerPool(count: workers ?? WorkerPool.processorCount)
    defer { pool.close() }
    let rows = try pool.profiler.charging(.other) {
      pool.profiler.beginBatch()
      let runner = SubqueryRunner(bindings: bindings, pool: pool, timestamp: timestamp)
      let plan = try runner.run(query.subqueries).applied(to: query.plan)
      return try runner.execute(plan, pool.profiler.addResult("query"))
    }
    pool.profiler.endBatch()
    return (rows, pool.profiler.profile(name: "query"))
  }
}
