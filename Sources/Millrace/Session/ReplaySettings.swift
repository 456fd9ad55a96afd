import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// What the options of a source say about a replay by event time.
struct ReplaySettings: Sendable {
  /// How fast the query's clock follows; nil: it is the real one.
  let speed: ReplaySpeed?
  private let column: String?
  private let maxBytes: Int64?

  /// Nil where files are read one after the other. `column` has the event times if the options name none.
  init?(_ options: Options, column: String?) throws {
    let speed = try options.string("speed").map { try ReplaySpeed($0) }
    guard options.string("orderBy") == "event-time" else {
      let other = speed != nil ? "speed" : options.isGiven("eventTimeColumn") ? "eventTimeColumn" : nil
      guard let other else { return nil }
      throw MillraceError(
        "OPTION_NOT_APPLICABLE", "option '\(other)' is for a replay in the order of event times",
        hint: "set 'orderBy' to event-time, or leave '\(other)' out")
    }
    if options.isGiven("maxFilesPerTrigger") {
      throw MillraceError(
        "OPTION_NOT_APPLICABLE", "option 'maxFilesPerTrigger' counts files that are read one after the other",
        hint: "with 'orderBy' event-time use 'maxBytesPerTrigger'")
    }
    self.speed = speed
    self.column = options.string("eventTimeColumn") ?? column
    maxBytes = try options.byteCount("maxBytesPerTrigger")
  }

  /// What is left of a source's options for its connector.
  static func without(_ options: [String: String]) -> [String: String] {
    options.filter { $0.key.lowercased() != "maxbytespertrigger" }
  }

  /// Position of the event times in the columns of the source `name`.
  func timeColumn(in schema: Schema, of name: String) throws -> Int {
    guard let column else {
      let found = schema.fields.indices.filter { schema.fields[$0].type.isTimestamp }
      if found.count == 1 { return found[0] }
      throw MillraceError(
        "OPTION_MISSING",
        "the source '\(name)' is to be read in the order of its event times, and has \(found.count) columns of type TIMESTAMP",
        hint: "name the column in 'eventTimeColumn'")
    }
    guard let index = schema.fields.firstIndex(where: { $0.name.lowercased() == column.lowercased() }) else {
      throw MillraceError(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION", "the source '\(name)' has no column '\(column)' to be ordered by",
        hint: "columns are \(schema.fields.map(\.name).joined(separator: ", "))")
    }
    guard schema.fields[index].type.isTimestamp else {
      throw MillraceError(
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", "the event time '\(column)' is \(schema.fields[index].type.sql)",
        hint: "the order of event times needs a column of type TIMESTAMP")
    }
    return index
  }

  /// A source that is read merged.
  func binding(
    _ kind: SourceKind, _ decoding: any Decoding, timeColumn: Int, name: String, isStreaming: Bool,
    clock: ReplayClock?
  ) throws -> ScanBinding {
    guard case .bytes(let bytes) = kind, let source = bytes as? any MergeableSource else {
      throw MillraceError(
        "OPTION_NOT_APPLICABLE", "the source '\(name)' has no files that could be merged by event time",
        hint: "leave 'orderBy' out")
    }
    let replay = ReplaySource(
      source, decoding: decoding, timeColumn: timeColumn, maxBytes: maxBytes, clock: speed == nil ? nil : clock)
    var binding = ScanBinding(name: name, input: .bytes(replay, decoding), isStreaming: isStreaming)
    binding.replay = replay
    return binding
  }
}
