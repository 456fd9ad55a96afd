import MillraceCore
import Testing

@testable import MillraceCLI

struct ProgressTextTests {
  static func report(
    _ id: Int64, rows: Int64 = 1000, bytes: Int64 = 1 << 20, late: Int64 = 0, bad: Int64 = 0, backlog: Int64? = nil
  ) -> BatchReport {
    BatchReport(
      pipeline: "p", batchID: id, inputRows: rows, inputBytes: bytes, outputRows: 7, lateRows: late, badRecords: bad,
      microseconds: 2000, backlog: backlog)
  }

  @Test func aBatchIsOneLine() {
    #expect(ProgressText.line(Self.report(3)) == "p batch 3: 1000 rows in (1 MiB), 7 out, 2 ms, 500 k rows/s")
    #expect(
      ProgressText.line(Self.report(4, bytes: 0, late: 2, bad: 1))
        == "p batch 4: 1000 rows in, 7 out, 2 ms, 500 k rows/s, 2 late, 1 unreadable")
    #expect(ProgressText.line(Self.report(5, rows: 0, bytes: 0)) == "p batch 5: 0 rows in, 7 out, 2 ms")
  }

  @Test func theLiveLineTellsWhatIsLeft() {
    var text = ProgressText()
    #expect(text.liveLine(elapsed: 0, width: 80) == "")
    text.add(Self.report(0))
    text.add(Self.report(1, backlog: 6 << 20))
    #expect(text.liveLine(elapsed: 2_000_000, width: 80) == "p: batch 1, 2 k rows, 2 MiB, 1 k rows/s, 6 s left")
    #expect(text.liveLine(elapsed: 2_000_000, width: 25).count == 24)
  }

  @Test func theSummaryAddsUp() {
    var text = ProgressText()
    #expect(text.summary("p", elapsed: 9) == "p: nothing new, everything was processed already")
    text.add(Self.report(0, late: 1))
    text.add(Self.report(1, bad: 2))
    #expect(
      text.summary("p", elapsed: 4_000_000)
        == "p: 2000 rows in (2 MiB), 14 out, 2 batches, 4 s, 500 rows/s, 1 rows late and left out, 2 records unreadable"
    )
  }

  @Test(arguments: [
    (Int64(0), "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (12 << 20, "12 MiB"),
    (150 << 30, "150 GiB"),
  ])
  func bytes(count: Int64, text: String) { #expect(Quantity.bytes(count) == text) }

  @Test(arguments: [
    (Int64(0), "0 µs"), (999, "999 µs"), (1500, "1.5 ms"), (2_300_000, "2.3 s"), (59_900_000, "59.9 s"),
    (60_000_000, "1 min"),
    (65_000_000, "1 min 5 s"), (7_380_000_000, "2 h 3 min"), (86_400_000_000, "1 d"), (86_460_000_000, "1 d"),
  ])
  func durations(microseconds: Int64, text: String) { #expect(Quantity.duration(microseconds: microseconds) == text) }

  @Test func tablesAlign() {
    var table = TextTable(["A", "LONG"])
    table.add(["wide one", "x"])
    #expect(table.text(indent: "> ") == "> A         LONG\n> wide one  x")
  }
}
