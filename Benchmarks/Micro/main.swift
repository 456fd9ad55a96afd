import ArgumentParser
import Glibc
import MillraceColumnar

/// Times each kernel as a multiple of a calibrating kernel in the same run, so that a slow machine does not fail the check and a lost
/// specialisation, which costs five to thirty times, does.
struct MicroCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "MillraceBenchmarks", abstract: "Time the kernels against a calibrating kernel.",
    discussion: "Example: MillraceBenchmarks --check --only regexp")

  @Option(help: "Only benchmarks whose name contains this.") var only: String?
  @Flag(help: "Fail when a ratio is more than the tolerance above its threshold, or has none.") var check = false
  @Flag(help: "Store the ratios as thresholds.") var update = false
  @Option(help: "How many times its threshold a ratio may be.") var tolerance = 1.6
  @Option(help: "Samples of each benchmark; their median counts.") var rounds = 11
  @Option(help: "The file of thresholds.") var thresholds = Thresholds.path

  func run() throws {
    let all = try Self.benchmarks()
    let chosen = all.filter { benchmark in only.map { benchmark.name.contains($0) } ?? true }
    var stored = try Thresholds(thresholds)
    let stopwatch = Stopwatch()
    var found = try stopwatch.measure(chosen, rounds: rounds)
    if check {
      // What looks worse is measured again before it is believed: the machine may have been disturbed.
      for index in chosen.indices {
        for _ in 0..<3 where found[index].ratio > (stored.ratios[chosen[index].name] ?? .infinity) * tolerance {
          let again = try stopwatch.measure([chosen[index]], rounds: rounds * 2)[0]
          if again.ratio < found[index].ratio { found[index] = again }
        }
      }
    }
    var worse: [String] = []
    for (benchmark, measurement) in zip(chosen, found) {
      let threshold = stored.ratios[benchmark.name]
      print(Self.line(benchmark, measurement, threshold))
      if check, measurement.ratio > (threshold ?? 0) * tolerance { worse.append(benchmark.name) }
    }
    if update {
      stored.update(zip(chosen.map(\.name), found))
      stored.keep(Set(all.map(\.name)))
      try stored.write(thresholds)
      print("thresholds of \(chosen.count) benchmarks stored")
    }
    guard worse.isEmpty else {
      print("worse than \(tolerance) times the threshold, or without one: \(worse.joined(separator: "; "))")
      throw ExitCode.failure
    }
  }

  private static func benchmarks() throws -> [MicroBenchmark] {
    try ScanBenchmarks.all() + GroupBenchmarks.all() + ExpressionBenchmarks.all() + AggregateBenchmarks.all()
      + CodecBenchmarks.all() + StreamStateBenchmarks.all()
  }

  /// Name, ratio, threshold and what they are in nanoseconds and bytes.
  private static func line(_ benchmark: MicroBenchmark, _ found: Measurement, _ threshold: Double?) -> String {
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
    func decimal(_ number: Double, _ places: Int) -> String {
      let scale = places == 3 ? 1000.0 : 100.0
      let digits = String(Int((number * scale).rounded()))
      let padded = String(repeating: "0", count: max(0, places + 1 - digits.utf8.count)) + digits
      return padded.dropLast(places) + "." + padded.suffix(places)
    }
    var text = benchmark.name + String(repeating: " ", count: max(1, 38 - benchmark.name.utf8.count))
    text += pad(decimal(found.ratio, 3), 9) + " x"
    text += threshold.map { pad(decimal(found.ratio / $0, 2), 7) + " of its threshold" } ?? "   no threshold yet     "
    text += pad(decimal(found.nanoseconds, 2), 10) + " ns/row"
    if benchmark.bytes > 0 {
      text += pad(decimal(Double(benchmark.bytes) / Double(benchmark.rows) / found.nanoseconds, 2), 7) + " GB/s"
    }
    return text
  }
}

MicroCommand.main()
