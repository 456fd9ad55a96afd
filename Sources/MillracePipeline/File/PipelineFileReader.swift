import Millrace
package import MillraceCore
import MillracePlan
import MillraceSQL
import MillraceStreaming

/// Reads a pipeline file: text to checked model. Everything wrong is gathered; nothing outside the file is touched but the files
/// that it includes, and the environment variables and files that its references name.
package struct PipelineFileReader {
  private let catalog: PipelineCatalog
  private let files: PipelineFiles

  package init(catalog: PipelineCatalog, files: PipelineFiles) {
    self.catalog = catalog
    self.files = files
  }

  static let topKeys = ["$schema", "version", "include", "connectors", "pipelines", "plugins", "control", "tests"]
  static let pipelineKeys = [
    "sources", "tables", "views", "sinks", "trigger", "checkpointLocation", "stateStore", "delivery", "asyncCommit",
    "maxEmitDelay", "restart", "onEndOfInput", "compatibility", "deadLetter", "lateRows", "settings",
  ]
  static let restartKeys = ["on", "maxAttempts", "backoff", "maxBackoff"]
  static let triggerKeys = ["processingTime", "availableNow", "once", "continuous"]

  /// The model of a file's text; throws `PipelineFileError` with all complaints if there is an error among them.
  package func read(_ bytes: [UInt8], file: String) throws -> PipelineFile {
    let diagnostics = DiagnosticCollector(PipelineSource(file: file, bytes: bytes))
    var includes = IncludeReader(files, diagnostics)
    includes.read(bytes, file: file)
    let documents = includes.documents.filter { document in
      let reader = ObjectReader(document.root, "a pipeline file", keys: Self.topKeys, diagnostics)
      if let reader {
        checkVersion(reader, isNeeded: document.file == file)
      }
      return reader != nil
    }
    let complaints = diagnostics.diagnostics.count
    let plugins = PluginReader(catalog: catalog, diagnostics: diagnostics).connectors(documents)
    let isComplete = diagnostics.diagnostics.count == complaints
    // Without a plug-in each of its connectors would be complained about once more.
    let pipelines =
      documents.isEmpty || !isComplete ? [] : self.pipelines(documents, catalog.adding(plugins), diagnostics)
    // Names that stand twice were reported with the pipelines.
    let quiet = DiagnosticCollector(diagnostics.source)
    let control = ControlReader(diagnostics).path(documents)
    let tests = TestReader(documents.entries("pipelines", "pipeline", quiet), diagnostics).tests(documents)
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    var result = PipelineFile(
      path: file, source: diagnostics.source, pipelines: pipelines, warnings: diagnostics.sorted)
    result.tests = tests
    result.plugins = plugins
    result.secrets = diagnostics.secrets
    result.watched = diagnostics.watched
    result.control = control
    return result
  }

  /// The connectors of a file's plug-ins, whatever else is wrong with the file; throws what is wrong with the plug-ins.
  package func plugins(_ bytes: [UInt8], file: String) throws -> [any Connector] {
    let diagnostics = DiagnosticCollector(PipelineSource(file: file, bytes: bytes))
    var includes = IncludeReader(files, diagnostics)
    includes.read(bytes, file: file)
    let plugins = PluginReader(catalog: catalog, diagnostics: diagnostics).connectors(includes.documents)
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    return plugins
  }

  /// Where a run of the file can be asked what it does, whatever else is wrong with the file, whose plug-ins are not started.
  package func control(_ bytes: [UInt8], file: String) throws -> String? {
    let diagnostics = DiagnosticCollector(PipelineSource(file: file, bytes: bytes))
    var includes = IncludeReader(files, diagnostics)
    includes.read(bytes, file: file)
    let path = ControlReader(diagnostics).path(includes.documents)
    if path == nil, diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    return path
  }

  /// Only the main file must say its version; what it includes is of the same.
  private func checkVersion(_ reader: ObjectReader, isNeeded: Bool) {
    guard let version = reader["version"] else {
      if isNeeded { reader.reportMissing("version", "a pipeline file", hint: "write \"version\": 1") }
      return
    }
    if case .number("1") = version.value { return }
    reader.diagnostics.report(
      "PIPELINE_VERSION", "this version of the pipeline file is not known", hint: "write \"version\": 1",
      at: version.place)
  }

  private func pipelines(
    _ documents: [IncludeReader.Document], _ catalog: PipelineCatalog, _ diagnostics: DiagnosticCollector
  ) -> [PipelineDefinition] {
    let connectors = documents.entries("connectors", "connector", diagnostics)
    let ends = EndReader(catalog: catalog, named: connectors, diagnostics: diagnostics)
    for connector in connectors { ends.checkConnector(connector) }
    let entries = documents.entries("pipelines", "pipeline", diagnostics)
    let main = documents[0].root
    if !documents.contains(where: { $0.root["pipelines"] != nil }) {
      ObjectReader(quiet: main, diagnostics)?.reportMissing("pipelines", "a pipeline file")
    } else if entries.isEmpty {
      diagnostics.report("PIPELINE_EMPTY", "the file has no pipeline", at: main["pipelines"]?.place ?? main.place)
    }
    let plugins = documents.compactMap { $0.root["plugins"]?.jsonText }.joined()
    return entries.compactMap { entry in
      var definition = pipeline(entry, ends, diagnostics)
      // Another program behind the same names makes another pipeline.
      definition?.identity += plugins
      return definition
    }
  }

  private func pipeline(_ member: LocatedJSON.Member, _ ends: EndReader, _ diagnostics: DiagnosticCollector)
    -> PipelineDefinition?
  {
    guard let reader = ObjectReader(member.value, "a pipeline", keys: Self.pipelineKeys, diagnostics) else {
      return nil
    }
    for key in ["sources", "sinks"] where reader[key]?.members?.isEmpty ?? (reader[key] == nil) {
      reader.reportMissing(key, "a pipeline", hint: "with one entry at least")
    }
    reportNamesTakenTwice(reader)
    let sources = reader.entries("sources", "source").compactMap { ends.source($0, .source) }
    checkStartAfter(sources, names: (reader["sources"]?.members ?? []).map(\.key), diagnostics)
    var definition = PipelineDefinition(
      name: member.key, place: member.place, sources: sources,
      tables: reader.entries("tables", "table").compactMap { ends.source($0, .table) },
      views: views(reader), sinks: reader.entries("sinks", "sink").compactMap { ends.sink($0) },
      trigger: trigger(reader),
      checkpointLocation: checkpointLocation(reader), stateStore: ends.stateStore(reader["stateStore"]),
      delivery: delivery(reader), deliveryPlace: reader["delivery"]?.place,
      asyncCommit: reader.flag("asyncCommit") ?? false, asyncCommitPlace: reader["asyncCommit"]?.place,
      maxEmitDelay: reader.duration("maxEmitDelay"),
      restart: restart(reader), restartPlace: reader["restart"]?.place,
      onEndOfInput: reader.word("onEndOfInput", EndOfInput.self) ?? .keep,
      deadLetter: ends.side(.deadLetter, of: reader), lateRows: ends.side(.lateRows, of: reader),
      compatibility: reader.word("compatibility", StreamingRules.Compatibility.self) ?? .millrace)
    definition.settings = SettingsReader(diagnostics).settings(reader["settings"])
    definition.identity = ends.identity(of: member.value)
    return definition
  }

  private func checkpointLocation(_ reader: ObjectReader) -> LocatedText? {
    guard let location = reader.text("checkpointLocation"), location.text.isEmpty else {
      return reader.text("checkpointLocation")
    }
    reader.diagnostics.report(
      "PIPELINE_WRONG_VALUE", "'checkpointLocation' is empty", hint: "name a folder, or leave it out",
      at: location.place)
    return nil
  }

  private func delivery(_ reader: ObjectReader) -> DeliveryGuarantee? {
    switch reader.word("delivery", DeliveryWord.self) {
    case .exactlyOnce: .exactlyOnce
    case .atLeastOnce: .atLeastOnce
    case nil: nil
    }
  }

  private func views(_ reader: ObjectReader) -> [ViewEntry] {
    reader.entries("views", "view").compactMap { member in
      if let text = member.value.string {
        let query = LocatedText(text: text, place: member.value.place, replacements: member.value.replacements)
        return reader.diagnostics.parse(query, SQLParser.parseQuery).map {
          ViewEntry(name: member.key, query: query, syntax: $0)
        }
      }
      reader.diagnostics.report(
        "PIPELINE_WRONG_TYPE", "a view is \(member.value.kind)", hint: "it takes its SELECT as a string",
        at: member.value.place)
      return nil
    }
  }

  /// Sources, tables and views share one space of names, because queries name them all in FROM.
  private func reportNamesTakenTwice(_ reader: ObjectReader) {
    var taken: [String: Place] = [:]
    for key in ["sources", "tables", "views"] {
      for member in reader[key]?.members ?? [] {
        if let first = taken[member.key.lowercased()] {
          reader.diagnostics.report(
            "PIPELINE_DUPLICATE_NAME", "the name '\(member.key)' is taken",
            hint: "sources, tables and views need different names; line \(first.line) has it, too", at: member.place)
        }
        taken[member.key.lowercased()] = member.place
      }
    }
  }

  private func checkStartAfter(_ sources: [SourceEntry], names: [String], _ diagnostics: DiagnosticCollector) {
    for source in sources {
      for other in source.startAfter where other.text == source.name || !names.contains(other.text) {
        diagnostics.report(
          "PIPELINE_NOT_FOUND",
          other.text == source.name ? "a source cannot start after itself" : "there is no source '\(other.text)'",
          hint: Hint.nearest(to: other.text, among: names.filter { $0 != source.name }, otherwise: "sources are"),
          at: other.place)
      }
    }
    reportCircles(sources, diagnostics)
  }

  /// Sources that wait for each other would never be read.
  private func reportCircles(_ sources: [SourceEntry], _ diagnostics: DiagnosticCollector) {
    var waitsFor = Dictionary(
      sources.map { ($0.name, Set($0.startAfter.map(\.text)).subtracting([$0.name])) }, uniquingKeysWith: { $1 })
    while let free = waitsFor.first(where: { $0.value.isDisjoint(with: waitsFor.keys) })?.key {
      waitsFor[free] = nil
    }
    for source in sources {
      guard let place = source.startAfter.first(where: { waitsFor[$0.text] != nil })?.place,
        waitsFor[source.name] != nil
      else { continue }
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "'\(source.name)' would never have its turn",
        hint: "sources wait for each other: \(waitsFor.keys.sorted().joined(separator: ", "))", at: place)
    }
  }

  private func trigger(_ reader: ObjectReader) -> TriggerEntry {
    guard let node = reader["trigger"],
      let trigger = ObjectReader(node, "a trigger", keys: Self.triggerKeys, reader.diagnostics)
    else { return .asSoonAsPossible }
    let given = Self.triggerKeys.filter { trigger[$0] != nil }
    if given.count != 1 {
      reader.diagnostics.report(
        "PIPELINE_WRONG_VALUE",
        given.isEmpty ? "the trigger is empty" : "the trigger has \(given.joined(separator: " and "))",
        hint:
          "it takes one of: {\"processingTime\": \"1 second\"}, {\"availableNow\": true}, {\"once\": true}, {\"continuous\": \"1 second\"}",
        at: node.place)
      return .asSoonAsPossible
    }
    switch given[0] {
    case "availableNow": return isOn("availableNow", trigger) ? .availableNow : .asSoonAsPossible
    case "once": return isOn("once", trigger) ? .once : .asSoonAsPossible
    case "continuous": return trigger.duration("continuous").map { .continuous($0) } ?? .asSoonAsPossible
    default: return trigger.duration("processingTime").map { .processingTime($0) } ?? .asSoonAsPossible
    }
  }
}

extension PipelineFileReader {
  private func restart(_ reader: ObjectReader) -> RestartPolicy {
    guard let node = reader["restart"],
      let restart = ObjectReader(node, "a restart policy", keys: Self.restartKeys, reader.diagnostics)
    else { return .never }
    guard restart["on"] != nil else {
      restart.reportMissing("on", "a restart policy", hint: "\"transient\", or \"never\"")
      return .never
    }
    var policy = RestartPolicy(restart.word("on", RestartPolicy.Condition.self) ?? .never)
    policy.maxAttempts = restart.count("maxAttempts")
    policy.backoff = restart.duration("backoff") ?? policy.backoff
    policy.maxBackoff = restart.duration("maxBackoff") ?? max(policy.maxBackoff, policy.backoff)
    if policy.maxBackoff < policy.backoff {
      reader.diagnostics.report(
        "PIPELINE_WRONG_VALUE", "'maxBackoff' is shorter than 'backoff'", hint: "the pause grows from one to the other",
        at: restart["maxBackoff"]?.place ?? node.place)
    }
    return policy
  }

  /// A trigger that is switched off says nothing about when batches run.
  private func isOn(_ key: String, _ trigger: ObjectReader) -> Bool {
    guard trigger.flag(key) == false else { return trigger.flag(key) == true }
    trigger.diagnostics.report(
      "PIPELINE_WRONG_VALUE", "'\(key)' is false",
      hint: "it takes true; leave 'trigger' out for a batch as soon as there is new data",
      at: trigger[key]?.place ?? trigger.node.place)
    return false
  }
}

/// The words of `delivery`.
enum DeliveryWord: String, CaseIterable {
  case exactlyOnce = "exactly-once"
  case atLeastOnce = "at-least-once"
}
