/// Runs a streaming case.
struct StreamCaseRunner {
  private let test: ConformanceCase
  init(_ test: ConformanceCase) { self.test = test }
  func run() -> ConformanceResult { ConformanceResult(name: test.name, failure: "streaming cases are not run yet") }
}
