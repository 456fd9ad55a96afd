/// One piece of work on a thread of its own, to be waited for.
final class BackgroundTask {
  private let outcome = Monitor<Result<Void, any Error>?>(nil)

  /// Starts `body`; `name` is for errors. What it touches is its own until `wait` returns.
  init(_ name: String, _ body: @escaping () throws -> Void) throws {
    try EngineThread.start(name) { [outcome] in
      let result = Result { try body() }
      outcome.change { $0 = result }
    }
  }

  /// Whether it has ended; `wait` returns at once then.
  var hasEnded: Bool { outcome.read { $0 != nil } }

  /// Waits for the end; throws what the work threw.
  func wait() throws {
    let result: Result<Void, any Error>? = outcome.wait(microseconds: nil) { $0 }
    try result?.get()
  }
}
