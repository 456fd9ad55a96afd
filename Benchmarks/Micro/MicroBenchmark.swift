/// One kernel on data made before the clock runs.
struct MicroBenchmark {
  /// Family and case, for instance `group/find few`. The name under which the threshold is stored.
  let name: String
  /// Rows (or lines, or keys) that one call handles.
  let rows: Int
  /// Bytes that one call reads, 0 where rows say more.
  let bytes: Int
  /// One call.
  let body: () throws -> Void

  init(_ name: String, rows: Int, bytes: Int = 0, _ body: @escaping () throws -> Void) {
    self.name = name
    self.rows = rows
    self.bytes = bytes
    self.body = body
  }
}

/// What one benchmark took.
struct Measurement {
  /// Times of the calibrating kernel that a million rows take.
  var ratio: Double
  /// Nanoseconds per row.
  var nanoseconds: Double
}

/// Runs benchmarks in rounds, one sample of each per round with the calibrating kernel around it, so that a disturbance of some
/// seconds spoils few samples of many benchmarks and not all of one.
struct Stopwatch {
  private let calibration = Calibration()

  /// A sample takes at least as long, so that the clock's grain does not show.
  private static let least = 2e6

  /// Medians over `rounds` samples of each.
  func measure(_ benchmarks: [MicroBenchmark], rounds: Int) throws -> [Measurement] {
    let calls = try benchmarks.map { try callsPerSample($0) }
    var ratios = benchmarks.map { _ in [Double]() }
    var times = ratios
    for _ in 0..<rounds {
      for (index, benchmark) in benchmarks.enumerated() {
        // One call brings code and data back into the caches.
        _ = try timed(benchmark, 1)
        let before = calibrated()
        let time = try timed(benchmark, calls[index]) / Double(calls[index]) / Double(benchmark.rows)
        ratios[index].append(time * 1e6 / ((before + calibrated()) / 2))
        times[index].append(time)
      }
    }
    return benchmarks.indices.map {
      Measurement(ratio: Self.median(ratios[$0]), nanoseconds: Self.median(times[$0]))
    }
  }

  private func callsPerSample(_ benchmark: MicroBenchmark) throws -> Int {
    var calls = 1
    while true {
      let time = try timed(benchmark, calls)
      if time >= Self.least { return calls }
      calls = max(calls + 1, min(calls * 10, Int(Double(calls) * Self.least * 1.2 / max(time, 1))))
    }
  }

  private func timed(_ benchmark: MicroBenchmark, _ calls: Int) throws -> Double {
    let start = ThreadClock.nanoseconds()
    for _ in 0..<calls { try benchmark.body() }
    return ThreadClock.nanoseconds() - start
  }

  /// The shorter of two passes, so that one that was disturbed does not count.
  private func calibrated() -> Double {
    (0..<2).map { _ in
      let start = ThreadClock.nanoseconds()
      consume(calibration.run())
      return ThreadClock.nanoseconds() - start
    }.reduce(.infinity, min)
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
