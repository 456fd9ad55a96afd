/// What a new file means for the pipelines that run: which go on, which stop, which start. Pure, so that tests need no pipelines.
struct ReloadPlan: Equatable {
  /// A pipeline as far as a reload must know it: its name and what it resolved to.
  struct Pipeline: Equatable {
    var name: String
    var identity: String
  }

  var unchanged: [String] = []
  /// Running ones that the file defines otherwise.
  var restarted: [String] = []
  /// Those that do not run yet.
  var added: [String] = []
  /// Running ones that the file has no more.
  var removed: [String] = []

  /// Compares what runs (or will, when what it waits for has ended) with what a file wants.
  init(running: [Pipeline], wanted: [Pipeline]) {
    for pipeline in wanted {
      switch running.first(where: { $0.name == pipeline.name }) {
      case nil: added.append(pipeline.name)
      case let known? where known.identity == pipeline.identity: unchanged.append(pipeline.name)
      case _?: restarted.append(pipeline.name)
      }
    }
    removed = running.map(\.name).filter { name in !wanted.contains { $0.name == name } }
  }

  /// Whether nothing is to be done.
  var isEmpty: Bool { restarted.isEmpty && added.isEmpty && removed.isEmpty }
}

/// Words a reload's outcome, with its number, by which the user knows that it is theirs.
struct ReloadReport: Equatable {
  var number: Int
  var restarted = 0
  var added = 0
  var removed = 0
  var unchanged = 0
  /// Those that could not be started as the file wants.
  var failed = 0

  /// For instance `reload 3: 1 restarted, 2 unchanged`.
  var text: String {
    let parts = [
      (restarted, "restarted"), (added, "added"), (removed, "removed"), (failed, "failed"), (unchanged, "unchanged"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return "reload \(number): \(parts.isEmpty ? "nothing to do" : parts.joined(separator: ", "))"
  }
}
