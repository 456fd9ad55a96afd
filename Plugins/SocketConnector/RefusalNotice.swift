/// Tells of refused peers now and then: a peer that comes again and again must not fill the log.
struct RefusalNotice {
  private static let interval: Int64 = 60_000_000
  private var toldAt: Int64?
  private var untold = 0

  /// The sentence to tell, if it is time for one.
  mutating func note(_ text: String, _ time: Int64) -> String? {
    if let toldAt, time - toldAt < Self.interval {
      untold += 1
      return nil
    }
    defer {
      toldAt = time
      untold = 0
    }
    return untold > 0 ? "\(text) (and \(untold) more since the last notice)" : text
  }
}
