import MillraceColumnar
import MillraceCore
import MillraceStreaming

/// Reads `tests`: text to checked model, as far as that goes without the pipelines' queries.
struct TestReader {
  static let keys = [
    "name", "pipeline", "given", "clock", "expect", "watermark", "lateRows", "badRecords", "crashPoints",
  ]
  static let expectationKeys = ["rows", "ordered"]

  private let pipelines: [LocatedJSON.Member]
  private let diagnostics: DiagnosticCollector

  init(_ pipelines: [LocatedJSON.Member], _ diagnostics: DiagnosticCollector) {
    self.pipelines = pipelines
    self.diagnostics = diagnostics
  }

  /// The cases of all files; a name that stands twice is reported with both places.
  func tests(_ documents: [IncludeReader.Document]) -> [PipelineTest] {
    var names: [String: Place] = [:]
    return documents.flatMap { document -> [PipelineTest] in
      guard let node = document.root["tests"] else { return [] }
      guard let elements = node.elements else {
        diagnostics.report("PIPELINE_WRONG_TYPE", "'tests' is \(node.kind)", hint: "it takes an array", at: node.place)
        return []
      }
      return elements.compactMap(test).filter { test in
        if let first = names[test.name] {
          diagnostics.report(
            "PIPELINE_DUPLICATE_NAME", "two tests are called '\(test.name)'",
            hint: "\(first.file):\(first.line):\(first.column) has the other", at: test.place)
          return false
        }
        names[test.name] = test.place
        return true
      }
    }
  }

  private func test(_ node: LocatedJSON) -> PipelineTest? {
    guard let reader = ObjectReader(node, "a test", keys: Self.keys, diagnostics) else { return nil }
    for key in ["name", "given", "expect"] where reader[key] == nil { reader.reportMissing(key, "a test") }
    guard let name = reader.text("name"), let pipeline = pipeline(reader) else { return nil }
    let inputs = ["sources", "tables"].flatMap { pipeline.value[$0]?.members ?? [] }.map(\.key)
    return PipelineTest(
      name: name.text, place: node.place, pipeline: pipeline.key, given: given(reader, inputs), clock: clock(reader),
      expectations: expectations(reader, sinks(of: pipeline.value)),
      watermark: reader.text("watermark").flatMap { text in
        time(text).map { PipelineTest.Located(value: $0, place: text.place) }
      },
      lateRows: count("lateRows", reader), badRecords: count("badRecords", reader), crashPoints: crashPoints(reader))
  }

  /// The pipeline that is meant; a file with only one need not say.
  private func pipeline(_ reader: ObjectReader) -> LocatedJSON.Member? {
    guard reader["pipeline"] != nil else {
      if pipelines.count == 1 { return pipelines[0] }
      reader.reportMissing(
        "pipeline", "a test", hint: "the file has several: \(pipelines.map(\.key).joined(separator: ", "))")
      return nil
    }
    guard let name = reader.text("pipeline") else { return nil }
    if let found = pipelines.first(where: { $0.key == name.text }) { return found }
    diagnostics.report(
      "PIPELINE_NOT_FOUND", "there is no pipeline '\(name.text)'",
      hint: Hint.nearest(to: name.text, among: pipelines.map(\.key), otherwise: "pipelines are"), at: name.place)
    return nil
  }

  // MARK: Given

  /// An object is one batch, an array of objects several.
  private func given(_ reader: ObjectReader, _ inputs: [String]) -> [[PipelineTest.Input]] {
    guard let node = reader["given"] else { return [] }
    return (node.elements ?? [node]).map { batch in
      guard let members = batch.members else {
        diagnostics.report(
          "PIPELINE_WRONG_TYPE", "'given' has \(batch.kind)",
          hint: "it takes an object with rows by source, or an array of such objects, one for each batch",
          at: batch.place)
        return []
      }
      return members.compactMap { input($0, inputs) }
    }
  }

  private func input(_ member: LocatedJSON.Member, _ inputs: [String]) -> PipelineTest.Input? {
    guard let name = inputs.first(where: { $0.lowercased() == member.key.lowercased() }) else {
      diagnostics.report(
        "PIPELINE_NOT_FOUND", "the pipeline has no source or table '\(member.key)'",
        hint: Hint.nearest(to: member.key, among: inputs, otherwise: "it has"), at: member.place)
      return nil
    }
    guard let elements = member.value.elements else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "the rows of '\(name)' are \(member.value.kind)", hint: "they are an array",
        at: member.value.place)
      return nil
    }
    let records = elements.compactMap(\.string)
    if records.count == elements.count, !elements.isEmpty {
      return PipelineTest.Input(name: name, place: member.place, rows: .records(records))
    }
    return PipelineTest.Input(name: name, place: member.place, rows: .objects(objects(elements, mayBeRecords: true)))
  }

  private func objects(_ elements: [LocatedJSON], mayBeRecords: Bool) -> [PipelineTest.Located<JSON>] {
    elements.compactMap { element in
      if element.members != nil, let json = try? JSON(parsing: element.jsonText) {
        return PipelineTest.Located(value: json, place: element.place)
      }
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "a row is \(element.kind)",
        hint: mayBeRecords
          ? "rows are objects, or all of them strings that the source decodes"
          : "rows are objects with the columns' names",
        at: element.place)
      return nil
    }
  }

  private func clock(_ reader: ObjectReader) -> [Int64] {
    let times = reader.texts("clock").compactMap(time)
    return times.isEmpty ? [0] : times
  }

  private func time(_ text: LocatedText) -> Int64? {
    let time = Array(text.text.utf8).withUnsafeBytes { TimestampText.timestamp($0, zone: .utc) }
    if time == nil {
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "'\(text.text)' is no time", hint: "for instance \"2026-01-01T00:00:00Z\"",
        at: text.place)
    }
    return time
  }

  // MARK: Expected

  /// Names of the sinks, and of those beside them that the pipeline has.
  private func sinks(of pipeline: LocatedJSON) -> [String] {
    let sides = [DeadLetter.sinkName, LateRow.sinkName].filter { pipeline[$0] != nil }
    return (pipeline["sinks"]?.members ?? []).map(\.key) + sides
  }

  private func expectations(_ reader: ObjectReader, _ sinks: [String]) -> [PipelineTest.Expectation] {
    guard let node = reader["expect"] else { return [] }
    guard let members = node.members else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "'expect' is \(node.kind)", hint: "it takes an object with rows by sink", at: node.place)
      return []
    }
    return members.compactMap { expectation($0, sinks) }
  }

  private func expectation(_ member: LocatedJSON.Member, _ sinks: [String]) -> PipelineTest.Expectation? {
    guard sinks.contains(member.key) else {
      diagnostics.report(
        "PIPELINE_NOT_FOUND", "the pipeline has no sink '\(member.key)'",
        hint: Hint.nearest(to: member.key, among: sinks, otherwise: "it has"), at: member.place)
      return nil
    }
    var rows = member.value
    var isOrdered = false
    if member.value.members != nil {
      guard let reader = ObjectReader(member.value, "an expectation", keys: Self.expectationKeys, diagnostics),
        let given = reader["rows"]
      else {
        diagnostics.report(
          "PIPELINE_MISSING_KEY", "the expectation of '\(member.key)' needs the key 'rows'", at: member.value.place)
        return nil
      }
      rows = given
      isOrdered = reader.flag("ordered") ?? false
    }
    guard let elements = rows.elements else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "the rows of '\(member.key)' are \(rows.kind)", hint: "they are an array", at: rows.place
      )
      return nil
    }
    return PipelineTest.Expectation(
      sink: member.key, place: member.place, rows: objects(elements, mayBeRecords: false), isOrdered: isOrdered)
  }

  private func count(_ key: String, _ reader: ObjectReader) -> PipelineTest.Located<Int64>? {
    guard let node = reader[key] else { return nil }
    return reader.count(key).map { PipelineTest.Located(value: Int64($0), place: node.place) }
  }

  // MARK: Crash points

  /// Names, or `"all"`.
  private func crashPoints(_ reader: ObjectReader) -> [LocatedText] {
    reader.texts("crashPoints").flatMap { text -> [LocatedText] in
      if text.text == "all" { return CrashPoints.all.map { LocatedText(text: $0, place: text.place) } }
      let name = text.text.split(separator: ":", omittingEmptySubsequences: false)[0]
      if CrashPoints.all.contains(String(name)) { return [text] }
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "there is no crash point '\(name)'",
        hint: Hint.nearest(to: String(name), among: CrashPoints.all, otherwise: "crash points are")
          .map { "\($0)\($0.hasPrefix("did") ? " or \"all\"" : "")" }, at: text.place)
      return []
    }
  }
}
