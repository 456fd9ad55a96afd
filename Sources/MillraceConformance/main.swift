import ArgumentParser
import Glibc
import MillraceCore
import MillraceTesting

/// Runs the conformance corpus of any folder.
struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "millrace-conformance",
    abstract: "Run cases of the conformance corpus and count passes.",
    discussion: "Example: millrace-conformance Tests/Conformance --only sql_joins/left")

  @Argument(help: "Folders or files with cases.") var paths: [String]
  @Option(help: "Only cases whose name contains this.") var only: String?
  @Flag(help: "Print results as JSON.") var json = false
  @Flag(help: "Count a case with other column names as passed.") var ignoreNames = false

  func run() throws {
    let runner = ConformanceRunner()
    var families: [(name: String, passed: Int, failed: Int)] = []
    var results: [ConformanceResult] = []
    for path in try files() {
      for test in try ConformanceCase.read(path) where only.map({ test.name.contains($0) }) ?? true {
        var result = runner.run(test)
        if ignoreNames && result.isNameOnly { result.failure = nil }
        results.append(result)
        let isPassed = result.failure == nil
        if families.last?.name != test.family { families.append((test.family, 0, 0)) }
        if isPassed { families[families.count - 1].passed += 1 } else { families[families.count - 1].failed += 1 }
      }
    }
    let passed = results.count { $0.failure == nil }
    if json {
      let items = results.map { result in
        JSON.dictionary([
          "name": .string(result.name), "passed": .bool(result.failure == nil),
          "failure": result.failure.map { .string($0) } ?? .null,
        ])
      }
      print(
        JSON.dictionary([
          "passed": .int(Int64(passed)), "failed": .int(Int64(results.count - passed)), "cases": .array(items),
        ]).text)
    } else {
      for result in results {
        if let failure = result.failure { print("FAIL \(result.name)\n    \(failure)") }
      }
      for family in families {
        let name = family.name + String(repeating: " ", count: max(1, 28 - family.name.count))
        print("\(name)\(family.passed) of \(family.passed + family.failed)")
      }
      print("\(passed) passed, \(results.count - passed) failed")
    }
    if passed < results.count { throw ExitCode(1) }
  }

  private func files() throws -> [String] {
    let system = Environment.live.files
    return try paths.flatMap { path -> [String] in
      guard let status = try system.status(path) else {
        throw MillraceError("IO_NOT_FOUND", "there is no file or folder '\(path)'")
      }
      return status.isDirectory
        ? try system.list(path).filter { $0.hasSuffix(".json") }.map { "\(path)/\($0)" } : [path]
    }
  }
}

ConformanceCommand.main()
