import Testing

@testable import MillraceCLI

struct RateWindowTests {
  @Test func ratesAreThoseOfTheLastSeconds() {
    var window = RateWindow()
    #expect(window.rates(at: 5, kinds: 2) == [0, 0])
    window.add([1000, 10], from: 0, to: 1_000_000)
    window.add([3000, 30], from: 1_000_000, to: 2_000_000)
    #expect(window.rates(at: 2_000_000, kinds: 2) == [2000, 20])
    #expect(window.rates(at: 4_000_000, kinds: 2) == [1000, 10], "a pause counts")
    // The first is forgotten ten seconds after its end, the second a second later.
    #expect(window.rates(at: 11_000_000, kinds: 2) == [300, 3])
    #expect(window.rates(at: 12_000_000, kinds: 2) == [0, 0])
  }

  @Test func oneShortBatchIsNoMillionASecond() {
    var window = RateWindow()
    window.add([100], from: 999_990, to: 1_000_000)
    #expect(window.rates(at: 1_000_000, kinds: 1) == [200])
  }

  @Test func aLongBatchCountsWithItsWholeTime() {
    var window = RateWindow()
    window.add([60_000], from: 0, to: 60_000_000)
    #expect(window.rates(at: 60_000_000, kinds: 1) == [1000])
  }

  @Test func manySmallBatchesAreKeptTogether() {
    var window = RateWindow()
    for batch in 0..<20_000 { window.add([1], from: Int64(batch) * 1000, to: Int64(batch) * 1000 + 1000) }
    let rate = window.rates(at: 20_000_000, kinds: 1)[0]
    #expect(abs(rate - 1000) < 60, "\(rate)")
    #expect(window.slotCount <= 21)
  }
}
