import MillraceColumnar

/// Writes what was received on a thread of its own, all that waits with one sync, so that receiving goes on meanwhile: disk and network are
/// waited for at the same time, and the more comes the fewer syncs there are.
final class JournalWriter: @unchecked Sendable {
  /// Records that came together.
  struct Piece: Sendable {
    var bytes: MemorySlice
    var notes: JournalNotes
  }

  private struct Shared {
    var waiting: [Piece] = []
    var waitingBytes = 0
    /// Whether the thread has pieces that are not durable yet.
    var isWriting = false
    var isEnding = false
    var failure: (any Error)?
    var hasEnded = false
  }

  /// Bytes that may wait.
  private static let limit = 16 << 20
  private let shared = Monitor(Shared())

  /// Starts the thread. It calls `write` with pieces in their order, one or more at a time, and `failed` with what that throws, after
  /// which it writes no more.
  init(
    _ name: String, write: @escaping ([Piece]) throws -> Void, failed: @escaping (any Error) -> Void
  ) throws {
    let shared = self.shared
    try EngineThread.start(name) {
      do {
        while let pieces = Self.take(shared) {
          try write(pieces)
          shared.change { $0.isWriting = false }
        }
      } catch {
        shared.change { $0.failure = error }
        failed(error)
      }
      shared.change { $0.hasEnded = true }
    }
  }

  /// All that waits, waited for; nil at the end.
  private static func take(_ shared: Monitor<Shared>) -> [Piece]? {
    let pieces: [Piece]? = shared.wait(microseconds: nil) { state in
      if state.waiting.isEmpty { return state.isEnding ? [] : nil }
      defer {
        state.waiting = []
        state.waitingBytes = 0
        state.isWriting = true
      }
      return state.waiting
    }
    // Whoever waits for room has some now.
    shared.change { _ in }
    return pieces.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Whether all that was added is written. Only the thread that adds may rely on it.
  var isIdle: Bool { shared.read { $0.waiting.isEmpty && !$0.isWriting } }

  /// Hands a piece over, as soon as there is room. Throws what ended the writing.
  func add(_ piece: Piece) throws {
    _ = try shared.wait(microseconds: nil) { state -> Bool? in
      if let failure = state.failure { throw failure }
      guard state.waitingBytes < Self.limit else { return nil }
      state.waiting.append(piece)
      state.waitingBytes += piece.bytes.count
      return true
    }
    shared.change { _ in }
  }

  /// Ends the thread, after what waits is written, or what is being written when `isCancelled`.
  func finish(_ isCancelled: () -> Bool) {
    if isCancelled() {
      shared.change { state in
        state.waiting = []
        state.waitingBytes = 0
      }
    }
    shared.change { $0.isEnding = true }
    _ = shared.wait(microseconds: nil) { $0.hasEnded ? true : nil }
  }
}
