import MillraceExecution
import MillraceStreaming

extension SparkSession {
  /// Throws what would keep a query from going on from its checkpoint: a query that was changed too much, and, unless it is
  /// `inUse` by a query that is about to end, a lock. Changes nothing; scalar subqueries over tables are read.
  package func checkCheckpoint(_ sinks: [StreamingSink], _ options: StreamingOptions, inUse: Bool = false) throws {
    guard let location = options.checkpointLocation else { return }
    let fit = CheckpointFit(location, environment: environment)
    if !inUse { try fit.checkUnused() }
    let run = try makeRun(sinks, options)
    defer { run.executor.close() }
    try fit.check(
      run.executor.fingerprints, sinks: run.sinks.map(\.name),
      stateStore: try stateStoreProvider(options.stateStore).name)
  }
}
