import MillraceCore

/// How fast a replay follows the event times.
public enum ReplaySpeed: Sendable, Hashable {
  /// So many seconds of event time in a second.
  case factor(Double)
  /// As fast as the input can be computed: the clock jumps over the time in between.
  case max

  /// Reads `1x`, `60x`, `0.5x` or `max`; throws `OPTION_WRONG_TYPE`.
  public init(_ text: String) throws {
    let word = text.lowercased()
    if word == "max" {
      self = .max
      return
    }
    guard word.hasSuffix("x"), let factor = Double(word.dropLast()), factor > 0, factor <= 1e9 else {
      throw MillraceError(
        "OPTION_WRONG_TYPE", "option 'speed' is '\(text)'", hint: "it takes a number and x, such as 1x or 60x, or max")
    }
    self = .factor(factor)
  }
}
