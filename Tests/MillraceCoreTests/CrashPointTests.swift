import MillraceCore
import Testing

/// What `MILLRACE_CRASH` asks for.
@Suite struct CrashPointTests {
  @Test(arguments: [
    ("log.plan.after-sync:3", "log.plan.after-sync", 3), ("gzip.created", "gzip.created", 1),
    ("gzip.created:", "gzip.created", 1), ("gzip.created:x", "gzip.created", 1), ("a:2:9", "a", 2),
  ])
  func reads(text: String, name: String, nth: Int) {
    let order = CrashPoint.order(text)
    #expect(order?.name == name)
    #expect(order?.nth == nth)
  }

  @Test(arguments: ["", ":", ":3"])
  func namelessTextsAskForNothing(text: String) { #expect(CrashPoint.order(text) == nil) }

  /// The process of this test is not asked to crash, so passing any place does nothing.
  @Test func passingDoesNothingUnlessAsked() { CrashPoint.pass("test.nothing") }
}
