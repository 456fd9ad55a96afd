import Glibc

/// The kernel that all others are measured against: one pass over 2 MiB of words, each loaded, multiplied, folded and stored, in four
/// chains side by side. So it keeps memory and arithmetic busy together, as the engine's kernels do: on a machine that is half as
/// fast, or whose other hardware thread takes half of the core, it takes twice as long, and so do they.
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
    var first: UInt64 = 1
    var second: UInt64 = 2
    var third: UInt64 = 3
    var fourth: UInt64 = 4
    var index = 0
    while index < Self.words {
      first = Self.step(first, source[index])
      second = Self.step(second, source[index + 1])
      third = Self.step(third, source[index + 2])
      fourth = Self.step(fourth, source[index + 3])
      target[index] = first
      target[index + 1] = second
      target[index + 2] = third
      target[index + 3] = fourth
      index += 4
    }
    return first ^ second ^ third ^ fourth
  }

  @inline(__always)
  private static func step(_ sum: UInt64, _ word: UInt64) -> UInt64 {
    let mixed = (sum ^ word) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ mixed >> 31
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
