import Glibc
import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceFormats
import Synchronization

/// One read of a source that feeds any number of chains, each with its own columns, steps and end.
final class ScanGroup {
  let binding: ScanBinding
  /// Index among the query's streaming sources, nil for a static input.
  let streamIndex: Int?
  private(set) var chains: [Chain] = []
  /// Where its time is counted.
  var steps = ScanSteps()
  /// Where the rows of the source can be looked at.
  var tapPoint: TapPoint?
  private let pool: WorkerPool
  var openSplits: [String: OpenSplit] = [:]
  /// Weak, since the next batch's context may stand at the same address.
  private weak var lastRun: BatchContext?
  private let windowPools: [WindowPool]
  /// Begins what the next batch reads; nil where nothing tells what that is.
  private let readAhead: ReadAhead?

  /// A chain of steps over some columns of the source.
  final class Chain {
    /// Positions in the source's schema.
    let columns: [Int]
    var operators: [any StageOperator] = []
    /// Where the time of each operator is counted.
    var slots: [Int] = []
    /// Where the time of the chain's end is counted.
    var terminalSlot = ProfilePhase.other.slot
    var filters: [PushedFilter] = []
    /// What tells of a file that the chain needs none of its rows; nil where nothing can.
    var fileFilter: FileFilter?
    /// Makes the end of the chain for one worker.
    var makeTerminal: () throws -> any StageTerminal = { CollectTerminal() }
    /// Runs first in each batch: forgets what a batch that failed left behind.
    var begin: (BatchContext) throws -> Void = { _ in }
    /// Runs before the scan: builds the tables that joins look up.
    var prerequisites: [(BatchContext) throws -> Void] = []
    /// Ends of the last run, by worker.
    var terminals: [any StageTerminal] = []
    /// Whether the rows of a batch stay in memory until its end; else only what they were aggregated to does.
    var holdsRows = true
    /// Whether results depend on which worker took which split.
    var needsFixedAssignment = false
    /// Shows the rows that come to the end of the chain.
    var tap: RowTap?

    init(columns: [Int]) { self.columns = columns }

    func append(_ step: any StageOperator, slot: Int) {
      operators.append(step)
      slots.append(slot)
    }

    /// Rows that a chain takes at once in which they become more: words of so many lines stay in the second-level cache until they are
    /// counted.
    private static let pieceRows = 2048

    /// The parts in which the chain takes a batch.
    func pieces(of rowCount: Int) -> [Range<Int>] {
      let size = Self.pieceRows
      guard rowCount > size, operators.contains(where: \.multipliesRows) else { return [0..<rowCount] }
      return stride(from: 0, to: rowCount, by: size).map { $0..<min($0 + size, rowCount) }
    }
  }

  struct OpenSplit: @unchecked Sendable {
    var reader: any ByteReader
    var leftover: [UInt8]
    /// Of what the reader fetched, the bytes that were counted already.
    var storedBytes: Int64
  }

  init(_ binding: ScanBinding, streamIndex: Int?, pool: WorkerPool) {
    self.binding = binding
    self.streamIndex = streamIndex
    self.pool = pool
    windowPools = (0..<pool.count).map { _ in WindowPool() }
    if pool.count > 1, streamIndex != nil, binding.replay == nil,
      let source = binding.input.source as? any ReadAheadSource
    {
      readAhead = ReadAhead(source, clock: pool.profiler.clock)
    } else {
      readAhead = nil
    }
  }

  /// Adds a chain over the columns at `columns` of the source's schema.
  func addChain(columns: [Int]) -> Chain {
    let chain = Chain(columns: columns)
    chains.append(chain)
    return chain
  }

  /// Tells the source which files it need not read: those of which no chain needs a row. To be called when all chains are there.
  func leaveOutFiles() {
    let filters = chains.compactMap(\.fileFilter)
    guard filters.count == chains.count, let source = binding.input.source as? any FileNamingSource else { return }
    source.leaveOutFiles { path in try filters.allSatisfy { try !$0.mayPass(path) } }
  }

  /// Whether each split is read once in a batch, and all of its rows come before it ends.
  var givesSplitsInOrder: Bool { streamIndex != nil && binding.replay == nil }

  /// Reads the batch's input once, whichever chain asks first.
  func run(_ context: BatchContext) throws {
    if lastRun === context { return }
    lastRun = context
    try pool.profiler.control.charging(steps.read) { try readAll(context) }
  }

  private func readAll(_ context: BatchContext) throws {
    for chain in chains {
      try chain.begin(context)
      for prerequisite in chain.prerequisites { try prerequisite(context) }
      chain.terminals = []
    }
    if let streamIndex {
      let state = context.plans[streamIndex]
      let splits = state.plan?.splits ?? []
      let shared = try scan(splits, context)
      state.results = shared.resultsBySplit
      state.badRecords = splits.indices.compactMap { shared.badRecords[$0]?.whole(of: splits[$0]) }
    } else {
      try scanStatic(context)
    }
  }

  /// A static input is read from its beginning to its end.
  private func scanStatic(_ context: BatchContext) throws {
    let source = binding.input.source
    leaveOutFiles()
    try source.start(after: nil)
    try source.freeze()
    var offset: Offset?
    var splits: [SourceSplit] = []
    while let plan = try source.plan(after: offset, limit: ReadLimit(parallelism: pool.count)) {
      guard let end = plan.end else {
        // The end is known only after reading, so what was planned must be read first.
        let results = try scan(plan.splits, context).resultsBySplit
        offset = try source.offset(after: offset, plan: plan, results: results)
        continue
      }
      splits += plan.splits
      offset = end
    }
    if !splits.isEmpty || chains.allSatisfy({ $0.terminals.isEmpty }) { _ = try scan(splits, context) }
  }

  /// Plain bytes from which reading one split on several threads pays.
  private static let sharedFrom: Int64 = 2 << 20

  /// Whether workers without a split can compute what others read: rows must end up in aggregates, whatever their order.
  private func canShare(_ splits: [SourceSplit]) -> Bool {
    guard pool.count > 1, binding.replay == nil, case .bytes = binding.input else { return false }
    let isFree = chains.allSatisfy { !$0.holdsRows && !$0.needsFixedAssignment }
    return isFree && splits.reduce(0) { $0 + ($1.sizeHint ?? 0) } >= Self.sharedFrom
  }

  /// Reads splits on as many workers as there are splits for; results in the order of the splits.
  private func scan(_ splits: [SourceSplit], _ context: BatchContext) throws -> Shared {
    let isShared = canShare(splits)
    // Dead letters that are read again belong to no merge.
    let replay = ReplayRule.isMerge(splits) ? binding.replay : nil
    let workers = isShared ? pool.count : replay == nil ? max(1, min(pool.count, splits.count)) : 1
    let shared = Shared(count: splits.count, exchange: isShared ? WindowExchange(readers: workers) : nil)
    let isFixed = chains.contains(where: \.needsFixedAssignment)
    let states = try (0..<workers).map { worker in try WorkerState(self, context, worker) }
    let previous = openSplits
    beginReadAhead(splits)
    nonisolated(unsafe) let unsafeStates = states
    let unsafePrevious = previous
    nonisolated(unsafe) let group = self
    withExtendedLifetime(shared) {
      withoutActuallyEscaping({ (worker: Int) in
        if let replay {
          do {
            try group.merge(splits, replay, unsafeStates[worker], unsafePrevious, shared)
          } catch {
            shared.failed(0, error)
          }
          return group.endBatch(unsafeStates[worker], shared)
        }
        var turn = worker
        while !shared.isStopped.load(ordering: .relaxed) {
          let index = isFixed ? turn : shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
          turn += workers
          if index >= splits.count { break }
          do {
            let split = splits[index]
            let begun = split.continuationKey.flatMap { unsafePrevious[$0] }
            let rest = try group.readSplit(split, index, unsafeStates[worker], begun, shared)
            if let rest, let key = split.continuationKey { shared.keep(rest, key) }
          } catch {
            shared.failed(index, error)
          }
        }
        group.help(unsafeStates[worker], shared)
        group.endBatch(unsafeStates[worker], shared)
      }) { body in
        nonisolated(unsafe) let unsafeBody = body
        pool.run(workers: workers) { unsafeBody($0) }
      }
    }
    let failures = shared.failures.withLock { $0 }
    openSplits = shared.open
    if let first = failures.min(by: { $0.split < $1.split }) {
      closeOpenSplits()
      throw first.error
    }
    for (index, chain) in chains.enumerated() { chain.terminals += states.map { $0.terminals[index] } }
    for state in states {
      context.merge(eventTimes: state.task.eventTimes)
      try context.merge(observed: state.task.observed)
    }
    context.merge(late: states.flatMap(\.task.lateRows))
    context.bytesRead += shared.resultsBySplit.reduce(0) { $0 + $1.bytesConsumed }
    return shared
  }

  /// Lets workers that are idle read what comes behind a batch of `splits`.
  private func beginReadAhead(_ splits: [SourceSplit]) {
    guard let readAhead, let source = binding.input.source as? any ReadAheadSource else { return }
    let next = source.nextSplits
    readAhead.begin(splits, next: next)
    if !next.isEmpty { pool.whileIdle { readAhead.step() } }
  }

  /// Computes windows that other workers read, until nobody reads any more.
  private func help(_ state: WorkerState, _ shared: Shared) {
    guard let exchange = shared.exchange else { return }
    exchange.becomeHelper()
    while true {
      state.lane.enter(ProfilePhase.waitForWorkers.slot)
      guard let item = exchange.take(meanwhile: { readAhead?.step() ?? false }) else { break }
      if shared.isStopped.load(ordering: .relaxed) { continue }
      state.task.splitIndex = item.split
      do {
        try process(item.window, name: item.name, item.split, state, shared)
      } catch {
        shared.failed(item.split, error)
      }
    }
  }

  /// Ends a worker's part of the batch.
  private func endBatch(_ state: WorkerState, _ shared: Shared) {
    if shared.isStopped.load(ordering: .relaxed) { return }
    do {
      for (chain, terminal) in zip(chains, state.terminals) {
        state.lane.enter(chain.terminalSlot)
        try terminal.endBatch(state.task)
      }
    } catch {
      shared.failed(state.task.splitIndex, error)
    }
    state.lane.enter(steps.read)
  }

  /// What one worker needs for all its splits.
  final class WorkerState {
    let task: TaskContext
    let terminals: [any StageTerminal]
    /// Positions of each chain's columns among the decoded ones.
    let selections: [[Int]]
    let columns: [Int]
    let decoder: (any Decoder)?
    /// The decoder, where it keeps bad records.
    let keeper: (any BadRecordKeeper)?
    let windows: WindowPool
    let lane: ProfileLane
    /// The thread that reads ahead for this one, if one does.
    let aheadLane: ProfileLane
    /// Shows the rows as they were decoded.
    let tap: RowTap?

    init(_ group: ScanGroup, _ context: BatchContext, _ worker: Int) throws {
      var evaluation = context.evaluation
      evaluation.partition = worker
      task = TaskContext(
        evaluation: evaluation, watermarkCount: context.eventTimes.count, lateWatermark: context.lateWatermark)
      terminals = try group.chains.map { try $0.makeTerminal() }
      let union = Set(group.chains.flatMap(\.columns)).sorted()
      columns = union
      tap = group.tapPoint.map { point in
        RowTap(point: point, schema: Schema(union.map { group.binding.schema.fields[$0] }))
      }
      selections = group.chains.map { chain in chain.columns.compactMap { union.firstIndex(of: $0) } }
      windows = group.windowPools[worker]
      lane = group.pool.profiler.workers[worker]
      aheadLane = group.pool.profiler.readers[worker]
      if case .bytes(_, let decoding) = group.binding.input {
        let mayFilter = group.chains.count == 1 && !group.binding.badRecords.readsEveryRecord
        let filters = mayFilter ? group.chains[0].filters : []
        decoder = try decoding.makeDecoder(columns: union, filters: filters)
      } else {
        decoder = nil
      }
      let keeper = decoder as? any BadRecordKeeper
      self.keeper = keeper?.keepsBadRecords == true ? keeper : nil
    }
  }

  private func readSplit(
    _ split: SourceSplit, _ index: Int, _ state: WorkerState, _ begun: OpenSplit?, _ shared: Shared
  ) throws -> OpenSplit? {
    state.task.splitIndex = index
    state.lane.enter(steps.read)
    switch binding.input {
    case .rows(let source):
      let reader = try source.open(split, columns: state.columns)
      defer { reader.close() }
      var rows: Int64 = 0
      while let batch = try reader.next() {
        rows += Int64(batch.rowCount)
        try feed(batch, state)
        state.lane.enter(steps.read)
      }
      try endSplit(state)
      shared.count(index, rows: rows, badRecords: 0)
      return nil
    case .bytes(let source, _):
      return try readBytes(source, split, index, state, begun, shared)
    }
  }

  private func readBytes(
    _ source: any ByteSource, _ split: SourceSplit, _ index: Int, _ state: WorkerState, _ begun: OpenSplit?,
    _ shared: Shared
  ) throws -> OpenSplit? {
    let raw = try begun?.reader ?? readAhead(split, state) ?? source.open(split)
    let readsAhead = shared.exchange == nil && shared.splitCount < pool.count && raw is any BulkByteReader
    let reader: any ByteReader = readsAhead ? PrefetchReader(raw, clock: pool.profiler.clock) : raw
    let windows = WindowReader(
      reader, split: split, leftover: begun?.leftover ?? [], pool: state.windows,
      leavesOutTooLarge: binding.badRecords.leavesOutTooLarge, rules: rules(split))
    var isOpen = false
    defer { if !isOpen { reader.close() } }
    while let window = try windows.next() {
      let isGiven = shared.exchange?.offer(WindowExchange.Item(window: window, split: index, name: split.name)) ?? false
      if !isGiven { try process(window, name: split.name, index, state, shared) }
      windows.release(window)
      state.lane.enter(steps.read)
      if shared.isStopped.load(ordering: .relaxed) { return nil }
    }
    try endSplit(state)
    note(windows.tooLarge, of: index, state, shared)
    let stored = count(reader, windows, begun, state)
    shared.ended(index, bytesConsumed: windows.consumed, reachedEnd: windows.reachedEnd)
    guard split.continuationKey != nil && !windows.reachedEnd else { return nil }
    isOpen = true
    return OpenSplit(reader: reader, leftover: windows.leftover, storedBytes: stored)
  }

  /// A reader of a split whose beginning was read while this batch was not there yet.
  private func readAhead(_ split: SourceSplit, _ state: WorkerState) -> (any ByteReader)? {
    guard let ahead = readAhead?.take(split) else { return nil }
    state.aheadLane.charge(steps.read, nanoseconds: ahead.nanoseconds)
    return ahead.reader
  }

  /// How a split is cut into records; dead letters that are read again were written as UTF-8.
  private func rules(_ split: SourceSplit) -> RecordRules {
    split.payload["deadLetters"] == nil ? binding.records : binding.records.forUTF8
  }

  /// Decodes a window of a split and sends its rows through the chains.
  private func process(
    _ window: WindowReader.Window, name: String, _ split: Int, _ state: WorkerState, _ shared: Shared
  ) throws {
    guard let decoder = state.decoder else { return }
    state.lane.enter(steps.decode)
    state.task.windowOffset = window.offset
    // The decoder is the worker's and goes from split to split.
    let badBefore = decoder.badRecordCount
    var origin = window.origin(name, grouping: binding.records.grouping)
    origin.isEscaped = binding.escapesRecords
    let batch = try decoder.decode(window.bytes, owner: window.owner, origin: origin)
    shared.count(split, rows: Int64(batch.rowCount), badRecords: decoder.badRecordCount - badBefore)
    if let keeper = state.keeper {
      shared.keep(keeper.takeBadRecords(), lineCount: keeper.lineCount, of: split, at: window.offset)
    }
    if batch.rowCount > 0 { try feed(batch, state) }
  }

  /// Counts records that were too large, and keeps what there is of those that were left out.
  func note(_ tooLarge: [WindowReader.TooLarge], of split: Int, _ state: WorkerState, _ shared: Shared) {
    for record in tooLarge {
      shared.count(split, rows: 0, badRecords: 1)
      guard state.keeper != nil, keepsTooLarge else { continue }
      var kept = BadRecords()
      record.head.withUnsafeBytes { head in
        kept.append(
          head, length: record.length, offset: record.offset, line: 0,
          fault: WindowReader.tooLargeFault(binding.records.maxRecordBytes))
      }
      shared.keep(kept, lineCount: 1, of: split, at: record.offset)
    }
  }

  /// Whether what there is of records that were too large goes to the dead letters.
  private var keepsTooLarge: Bool { binding.records.onLongRecord.map { $0 == .deadLetter } ?? true }

  /// Counts the bytes of a split and the time of the thread that read ahead, and gives what the reader fetched so far.
  private func count(
    _ reader: any ByteReader, _ windows: WindowReader, _ begun: OpenSplit?, _ state: WorkerState
  ) -> Int64 {
    if let ahead = reader as? PrefetchReader {
      let times = ahead.takeTimes()
      state.aheadLane.charge(steps.read, nanoseconds: times.busy)
      state.lane.charge(steps.read, nanoseconds: -times.waited)
      state.lane.charge(ProfilePhase.waitForWorkers.slot, nanoseconds: times.waited)
    }
    let before = begun?.storedBytes ?? 0
    let stored = (reader as? any StoredByteReader)?.storedByteCount ?? before + windows.consumed
    state.lane.count(steps.read, storedBytes: stored - before, plainBytes: windows.consumed)
    return stored
  }

  func endSplit(_ state: WorkerState) throws {
    for (chain, terminal) in zip(chains, state.terminals) {
      state.lane.enter(chain.terminalSlot)
      try terminal.endSplit(state.task)
    }
    state.lane.enter(steps.read)
  }

  func feed(_ batch: RecordBatch, _ state: WorkerState) throws {
    let lane = state.lane
    lane.enter(steps.handOn)
    lane.count(steps.handOn, rowsIn: batch.rowCount, rowsOut: batch.rowCount)
    state.tap?.offer(batch)
    for (index, chain) in chains.enumerated() {
      let columns = state.selections[index].map { batch.columns[$0] }
      let rows = RecordBatch(rowCount: batch.rowCount, columns: columns)
      for range in chain.pieces(of: rows.rowCount) {
        let piece = range.count == rows.rowCount ? rows : rows.gathered(.range(range))
        if let result = try run(chain, piece, state) {
          lane.enter(chain.terminalSlot)
          chain.tap?.offer(result)
          try state.terminals[index].consume(result, state.task)
          lane.count(chain.terminalSlot, rowsIn: result.rowCount, rowsOut: 0)
        }
        lane.enter(steps.handOn)
      }
    }
  }

  /// What the steps of a chain make of rows; nil if none is left.
  private func run(_ chain: Chain, _ rows: RecordBatch, _ state: WorkerState) throws -> RecordBatch? {
    var current = rows
    for (step, slot) in zip(chain.operators, chain.slots) {
      state.lane.enter(slot)
      let next = try step.apply(current, state.task)
      state.lane.count(slot, rowsIn: current.rowCount, rowsOut: next?.rowCount ?? 0)
      guard let next else { return nil }
      current = next
    }
    return current
  }

  /// Closes readers that were kept for the next batch.
  func closeOpenSplits() {
    for split in openSplits.values { split.reader.close() }
    openSplits = [:]
    readAhead?.close()
  }
}
