import Glibc
import MillraceStreaming

/// Runs what blocks on a thread of its own, so that the few threads of Swift's pool stay free.
enum Blocking {
  static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      start { continuation.resume(with: Swift.Result { try body() }) }
    }
  }

  static func run(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      start {
        body()
        continuation.resume()
      }
    }
  }

  /// Runs a task and waits for it. Only for threads outside of Swift's pool, such as a query's own.
  static func wait(_ body: @escaping @Sendable () async throws -> Void) throws {
    let outcome = Monitor<Swift.Result<Void, any Error>?>(nil)
    Task {
      let result: Swift.Result<Void, any Error>
      do {
        result = .success(try await body())
      } catch {
        result = .failure(error)
      }
      outcome.change { $0 = result }
    }
    let result: Swift.Result<Void, any Error>? = outcome.wait(microseconds: nil) { $0 }
    try result?.get()
  }

  private final class Job {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { raw in
        if let raw { Unmanaged<Job>.fromOpaque(raw).takeRetainedValue().body() }
        return nil
      }, Unmanaged.passRetained(Job(body)).toOpaque())
    pthread_detach(thread)
  }
}
