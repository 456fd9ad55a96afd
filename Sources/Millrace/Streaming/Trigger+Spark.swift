// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import MillraceStreaming

// The triggers by the names that Spark's programs use.

extension Trigger {
  /// Everything that is there in one batch; then the query ends.
  public static let OneTime = Trigger.once
  /// Everything that is there, in as many batches as the limits ask for; then the query ends.
  public static let AvailableNow = Trigger.availableNow
  /// A batch at multiples of so many milliseconds; 0: as soon as the last one is done.
  public static func ProcessingTime(_ milliseconds: Int64) -> Trigger { .processing(every: milliseconds * 1000) }
  /// Reads on without batches and commits at intervals of so many milliseconds.
  public static func Continuous(_ milliseconds: Int64) -> Trigger { .continuous(milliseconds * 1000) }

  static func processing(every microseconds: Int64) -> Trigger {
    microseconds == 0 ? .asSoonAsPossible : .processingTime(microseconds)
  }

  /// A trigger by Spark's words: `once`, `availableNow`, `processingTime` and `continuous` with their interval, for instance
  /// `processingTime=10 seconds`; an interval alone is a processing time. Throws `INVALID_TRIGGER`.
  public init(spark words: String) throws {
    let parts = words.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
    let name = parts.first?.lowercased().filter { $0 != " " } ?? ""
    switch (name, parts.count) {
    case ("once", 1): self = .once
    case ("availablenow", 1): self = .availableNow
    case ("processingtime", 2): self = .processing(every: try Trigger.interval(String(parts[1])))
    case ("continuous", 2): self = .continuous(try Trigger.interval(String(parts[1])))
    case (_, 1) where DurationText.microseconds(words) != nil: self = .processing(every: try Trigger.interval(words))
    default:
      throw MillraceError(
        "INVALID_TRIGGER", "the trigger '\(words)' is unknown",
        hint: "one of: once, availableNow, processingTime=10 seconds, continuous=1 second")
    }
  }

  static func interval(_ text: String) throws -> Int64 {
    guard let microseconds = DurationText.microseconds(text), microseconds >= 0 else {
      throw MillraceError(
        "CANNOT_PARSE_INTERVAL", "the trigger's interval '\(text)' is no duration",
        hint: "write for instance '10 seconds'")
    }
    return microseconds
  }
}

extension OutputMode {
  /// An output mode by Spark's word, ignoring case. Throws `STREAMING_OUTPUT_MODE.INVALID`.
  public init(spark word: String) throws {
    guard let mode = OutputMode(rawValue: word.lowercased()) else {
      throw MillraceError(
        "STREAMING_OUTPUT_MODE.INVALID", "the output mode '\(word)' is unknown",
        hint: "one of: append, update, complete")
    }
    self = mode
  }
}
