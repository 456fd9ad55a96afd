import MillraceCore
import Testing

/// Durations, sizes and names as people write them.
@Suite struct TextValuesTests {
  @Test(
    arguments: [
      ("10 seconds", 10_000_000), ("10seconds", 10_000_000), ("500ms", 500_000), ("1 minute 30 seconds", 90_000_000),
      ("interval 2 hours", 7_200_000_000), ("INTERVAL 1 Day", 86_400_000_000), ("  1 week  ", 604_800_000_000),
      ("1.5 s", 1_500_000), ("0 s", 0), ("7 us", 7), ("-1 second", -1_000_000), ("1 min 1 sec 1 ms", 61_001_000),
      ("100000000 days", 8_640_000_000_000_000_000),
    ] as [(String, Int64)])
  func readsDurations(text: String, microseconds: Int64) { #expect(DurationText.microseconds(text) == microseconds) }

  @Test(arguments: [
    "", " ", "10", "seconds", "1 month", "1 year", "ten seconds", "1 s x", "1e3 s", "--1 s", "1..5 s", "interval",
    "107000000 days", "½ s", "100000000 days 100000000 days",
  ])
  func refusesDurations(text: String) { #expect(DurationText.microseconds(text) == nil) }

  @Test(
    arguments: [
      ("4096", 4096), ("10 MB", 10_000_000), ("64 MiB", 64 << 20), ("1k", 1024), ("1.5 KiB", 1536), ("2GiB", 2 << 30),
      ("1 TiB", 1 << 40), ("3 tb", 3_000_000_000_000), ("0", 0), (" 7 b ", 7),
    ] as [(String, Int64)])
  func readsSizes(text: String, bytes: Int64) { #expect(ByteCountText.bytes(text) == bytes) }

  @Test(arguments: ["", "MiB", "-1", "1 MiBs", "1 M B", "99999999999999999999", "1e9"])
  func refusesSizes(text: String) { #expect(ByteCountText.bytes(text) == nil) }

  @Test(
    arguments: [
      ("prot", "port"), ("PORT", "port"), ("hst", "host"), ("maxFilesPerTriger", "maxFilesPerTrigger"), ("", nil),
      // As short as it is, any other short name is as near.
      ("xy", nil), ("zzzz", nil), ("i", "id"),
    ] as [(String, String?)])
  func findsNearestName(name: String, nearest: String?) {
    #expect(NearestName.of(name, among: ["port", "host", "maxFilesPerTrigger", "id"]) == nearest)
  }

  @Test func nearestOfNoneIsNone() { #expect(NearestName.of("port", among: []) == nil) }
}
