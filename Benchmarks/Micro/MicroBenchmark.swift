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

/// Runs benchmarks, the calibrating kernel around each sample.
struct Stopwatch {
  let calibration = Calibration()
  var samples: Int

  /// A sample takes at least as long, so that the clock's grain does not show.
  private static let least = 4e6

  /// Medians over all samples.
  func measure(_ benchmark: MicroBenchmark) throws -> Measurement {
    var calls = 1
    // The first calls also warm caches up and find out how many make a sample.
    while true {
      let time = try timed(benchmark, calls)
      if time >= Self.least { break }
      calls = max(calls + 1, min(calls * 10, Int(Double(calls) * Self.least * 1.2 / max(time, 1))))
    }
    var ratios: [Double] = []
    var times: [Double] = []
    var before = calibrated()
    for _ in 0..<samples {
      let time = try timed(benchmark, calls) / Double(calls) / Double(benchmark.rows)
      let after = calibrated()
      ratios.append(time * 1e6 / ((before + after) / 2))
      times.append(time)
      before = after
    }
    return Measurement(ratio: Self.median(ratios), nanoseconds: Self.median(times))
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
