import Glibc

/// The kernel that all others are measured against: one pass over 2 MiB of words, each loaded, multiplied, folded and stored, with a
/// sum that carries from word to word. So it is bound by memory and arithmetic together, as the engine's kernels are, and a machine
/// that is half as fast takes twice as long for it as well as for them.
///
/// It must never change: every stored threshold is a multiple of it.
struct Calibration {
  private static let words = 1 << 18
  private let source = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
  private let target = UnsafeMutablePointer<UInt64>.allocate(capacity: words)

  init() {
    for index in 0..<Self.words { source[index] = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 }
    target.initialize(repeating: 0, count: Self.words)
  }

  /// One pass.
  @inline(never)
  func run() -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<Self.words {
      sum = (sum ^ source[index]) &* 0xBF58_476D_1CE4_E5B9
      sum ^= sum >> 31
      target[index] = sum
    }
    return sum
  }
}

/// CPU time of this thread: what other processes take from it meanwhile does not count.
enum ThreadClock {
  static func nanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}

/// Makes a result look used, so that no loop is removed.
@inline(never)
@_optimize(none)
func consume<T>(_ value: T) { withExtendedLifetime(value) {} }
