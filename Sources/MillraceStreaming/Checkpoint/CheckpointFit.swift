package import MillraceCore
package import MillraceExecution

/// Whether a query could go on from a checkpoint. Looks, and changes nothing.
package struct CheckpointFit {
  private let location: String
  private let files: any FileSystem

  /// Looks at the checkpoint at `location`, which need not exist.
  package init(_ location: String, environment: Environment) {
    self.location = location
    files = environment.files
  }

  /// Throws unless the checkpoint was made by such a query; one that does not exist fits all.
  package func check(_ fingerprints: [OperatorFingerprint], sinks: [String], stateStore: String) throws {
    let path = "\(location)/meta.json"
    if try files.status(path) == nil { return }
    try CheckpointMeta(files, path).check(fingerprints, sinks: sinks, stateStore: stateStore)
  }

  /// Throws `CHECKPOINT_IN_USE` while a query uses it.
  package func checkUnused() throws {
    if try files.status("\(location)/LOCK") == nil { return }
    try Checkpoint.takeLock(files, location).close()
  }
}
