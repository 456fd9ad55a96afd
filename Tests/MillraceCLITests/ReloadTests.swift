import MillraceCore
import Synchronization
import Testing

@testable import MillraceCLI

struct ReloadPlanTests {
  static func plan(_ running: [(String, String)], _ wanted: [(String, String)]) -> ReloadPlan {
    ReloadPlan(
      running: running.map { ReloadPlan.Pipeline(name: $0.0, identity: $0.1) },
      wanted: wanted.map { ReloadPlan.Pipeline(name: $0.0, identity: $0.1) })
  }

  @Test func onlyWhatChangedIsTouched() {
    let plan = Self.plan([("a", "1"), ("b", "1"), ("c", "1")], [("d", "1"), ("b", "2"), ("a", "1")])
    #expect(plan.unchanged == ["a"] && plan.restarted == ["b"] && plan.added == ["d"] && plan.removed == ["c"])
    #expect(!plan.isEmpty)
    #expect(Self.plan([("a", "1")], [("a", "1")]).isEmpty)
    #expect(Self.plan([], []).isEmpty)
  }

  @Test("1.3 benthos #89, #91: a reload is acknowledged by its number")
  func reportsNameTheirNumber() {
    #expect(ReloadReport(number: 3, restarted: 1, unchanged: 2).text == "reload 3: 1 restarted, 2 unchanged")
    #expect(ReloadReport(number: 4).text == "reload 4: nothing to do")
    #expect(
      ReloadReport(number: 5, restarted: 1, added: 2, removed: 3, unchanged: 4, failed: 5).text
        == "reload 5: 1 restarted, 2 added, 3 removed, 5 failed, 4 unchanged")
  }
}

/// The watch over a file system whose files a test names.
struct FileWatchTests {
  final class Names: FileSystem {
    let sizes = Mutex<[String: Int64]>([:])

    func set(_ path: String, _ size: Int64?) { sizes.withLock { $0[path] = size } }

    func status(_ path: String) throws -> FileStatus? {
      sizes.withLock { $0[path] }.map { FileStatus(size: $0, device: 1, inode: 1, modified: 0, isDirectory: false) }
    }

    func glob(_ pattern: String) throws -> [String] {
      sizes.withLock { $0.keys.filter { $0.hasPrefix(pattern.prefix { $0 != "*" }) }.sorted() }
    }

    struct Unused: Error {}
    func open(_ path: String, _ mode: FileMode) throws -> any File { throw Unused() }
    func rename(_ path: String, to target: String) throws { throw Unused() }
    func remove(_ path: String) throws { throw Unused() }
    func removeTree(_ path: String) throws { throw Unused() }
    func createDirectory(_ path: String) throws { throw Unused() }
    func list(_ path: String) throws -> [String] { throw Unused() }
    func syncDirectory(_ path: String) throws { throw Unused() }
  }

  @Test("1.3 Connect #1257: the watch misses no file that appears or goes away")
  func changesCountOnceTheyStand() {
    let files = Names()
    files.set("main", 1)
    var watch = FileWatch(["main", "parts/*"], files)
    func looks(_ count: Int) -> [Bool] { (0..<count).map { _ in watch.hasChanged() } }
    #expect(looks(2) == [false, false])
    files.set("main", 2)
    #expect(looks(3) == [false, true, false], "edited")
    files.set("parts/a", 1)
    #expect(looks(3) == [false, true, false], "added")
    files.set("parts/a", 2)
    #expect(looks(1) == [false])
    files.set("parts/a", 3)
    #expect(looks(3) == [false, true, false], "not while it is being written")
    files.set("parts/a", nil)
    #expect(looks(3) == [false, true, false], "removed")
    files.set("main", nil)
    files.set("other", 1)
    watch.watch(["other"])
    #expect(looks(2) == [false, false], "what is not watched any more")
  }
}

/// Output never holds a secret.
struct RedactionTests {
  @Test func valuesAreReplacedHoweverTheyAreSpelt() {
    Terminal.keepSecret(["redaction-test-1", "redaction-test-1-longer", "redaction \"test\" 2", "abc"])
    #expect(Terminal.redacted("x redaction-test-1 y") == "x *** y")
    #expect(Terminal.redacted("redaction-test-1-longer") == "***")
    #expect(Terminal.redacted(#"{"a":"redaction \"test\" 2"}"#) == #"{"a":"***"}"#)
    #expect(Terminal.redacted("abc") == "abc", "too short to be looked for")
  }
}
