import Millrace
package import MillraceCore
import MillraceFormats
import MillracePlan
import MillraceSQL
import MillraceStreaming

/// Plans pipelines: makes their sources and views known to a session, resolves the queries of their sinks, and checks that each
/// query can run as a stream, that each sink takes what comes out, and that the guarantee meets the demand. Nothing is opened.
package struct PipelinePlanner {
  private let catalog: PipelineCatalog
  private let source: PipelineSource
  private let environment: Environment
  /// What stands in for the world where a pipeline is tested; nil where it is to run.
  var bench: TestBench?

  package init(_ catalog: PipelineCatalog, _ file: PipelineFile, environment: Environment) {
    self.catalog = catalog.adding(file.plugins)
    source = file.source
    self.environment = environment
  }

  /// Plans one pipeline; throws `PipelineFileError` with everything that is wrong with it.
  package func plan(_ pipeline: PipelineDefinition) throws -> PipelinePlan {
    let diagnostics = DiagnosticCollector(source)
    let testConnectors: [any Connector] = bench.map { [TestSinkConnector(results: $0.results)] } ?? []
    let session = SparkSession(connectors: catalog.ownConnectors + testConnectors, environment: environment)
    do {
      try session.set("millrace.compatibility", pipeline.compatibility.rawValue)
    } catch {
      diagnostics.report("PIPELINE_FAILED", "\(error)", at: pipeline.place)
    }
    for setting in pipeline.settings {
      _ = attempt(at: setting.place, diagnostics) { try session.set(setting.name, setting.value) }
    }
    for function in catalog.functions { session.register(function) }
    let checkpoint = pipeline.checkpointLocation?.text
    for entry in pipeline.sources {
      register(entry, isStreaming: true, checkpoint: checkpoint, in: session, diagnostics)
    }
    for entry in pipeline.tables { register(entry, isStreaming: false, in: session, diagnostics) }
    checkStartAfter(pipeline, session, diagnostics)
    // A query over a source that is not there would complain of the source again.
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    for view in pipeline.views {
      _ = attempt(at: view.query, diagnostics) { try session.makeAnalyzer().analyze(view.syntax) }
      session.register(view: view.name, view.syntax)
    }
    let sinks = pipeline.sinks.compactMap { sink($0, pipeline.trigger, session, diagnostics) }
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    var options = StreamingOptions()
    options.name = pipeline.name
    options.trigger = pipeline.trigger.engineTrigger
    options.checkpointLocation = pipeline.checkpointLocation?.text
    options.delivery = pipeline.delivery
    options.onEndOfInput = pipeline.onEndOfInput
    options.deadLetter = pipeline.deadLetter?.sinkEnd
    options.lateRows = pipeline.lateRows?.sinkEnd
    checkSides(pipeline, options, session, diagnostics)
    options.stateStore = pipeline.stateStore?.choice ?? StateStoreChoice()
    options.restart = pipeline.restart
    options.asyncCommit = pipeline.asyncCommit
    if let delay = pipeline.maxEmitDelay { options.maxEmitDelay = delay }
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    bench?.adapt(&options)
    let checked = attempt(at: Self.place(ofFault: pipeline, options), diagnostics) {
      (guarantee: try session.check(sinks, options), journaled: try session.journaledSources(of: sinks))
    }
    guard let checked, !diagnostics.hasErrors else { throw PipelineFileError(diagnostics.sorted) }
    return PipelinePlan(
      definition: pipeline, session: session, sinks: sinks, options: options, guarantee: checked.guarantee,
      journaled: checked.journaled, file: source.file)
  }

  /// The key that is wrong if the pipeline cannot run as it stands.
  private static func place(ofFault pipeline: PipelineDefinition, _ options: StreamingOptions) -> Place {
    let lacksCheckpoint = pipeline.restart.condition != .never && pipeline.checkpointLocation == nil
    if lacksCheckpoint, let place = pipeline.restartPlace { return place }
    if pipeline.asyncCommit, !options.trigger.followsAtOnce, let place = pipeline.asyncCommitPlace { return place }
    return pipeline.deliveryPlace ?? pipeline.place
  }

  // MARK: Sources

  private func register(
    _ entry: SourceEntry, isStreaming: Bool, checkpoint: String? = nil, in session: SparkSession,
    _ diagnostics: DiagnosticCollector
  ) {
    var given = SourceOptions(format: entry.end.format)
    given.options = entry.end.values
    given.schema = entry.schema
    given.inference = entry.inference
    if isStreaming { given.inference?.checkpoint = checkpoint }
    given.decode = entry.decode?.name
    given.decodeOptions = entry.decode?.values ?? [:]
    given.orderByColumn = entry.watermark?.column
    given.badRecords = entry.onBadRecord
    given.maxBadRecords = entry.maxBadRecords
    given.maxBadRatio = entry.maxBadRatio
    var definition: SourceDefinition
    do {
      definition = try SourceDefinition(
        name: entry.name, given, isStreaming: isStreaming, connectors: session.connectors, environment: environment)
      if let bench { definition = try bench.replacing(definition) }
    } catch let error as PipelineFileError {
      return error.diagnostics.forEach(diagnostics.add)
    } catch let error as MillraceError {
      return diagnostics.report(error, at: place(of: error, in: entry))
    } catch {
      return diagnostics.report("PIPELINE_FAILED", "\(error)", at: entry.end.place)
    }
    if let watermark = entry.watermark { check(watermark, definition.schema, diagnostics) }
    definition.startAfter = entry.startAfter.map(\.text)
    if let reload = entry.reload { definition.reload = reload }
    session.register(definition, watermark: entry.watermark.map { ($0.column, $0.settings) })
  }

  /// A source that never ends cannot be followed by another.
  private func checkStartAfter(
    _ pipeline: PipelineDefinition, _ session: SparkSession, _ diagnostics: DiagnosticCollector
  ) {
    let endless = session.sourceNames { !$0.isReplayable }
    for after in pipeline.sources.flatMap(\.startAfter) where endless.contains(after.text) {
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "the source '\(after.text)' has no end that another could start after",
        hint: "start after files; both are read side by side without 'startAfter'", at: after.place)
    }
  }

  /// The key that an error of a source is about.
  private func place(of error: MillraceError, in entry: SourceEntry) -> Place {
    let place: Place? =
      switch error.code.prefix(while: { $0 != "_" }) {
      case "SCHEMA", "UNABLE": entry.schemaPlace
      case "DECODE": entry.decode?.place
      case "BAD": entry.onBadRecordPlace
      default: nil
      }
    return place ?? entry.end.place
  }

  private func check(_ watermark: WatermarkEntry, _ schema: Schema, _ diagnostics: DiagnosticCollector) {
    guard let field = schema.fields.first(where: { $0.name.lowercased() == watermark.column.lowercased() }) else {
      diagnostics.report(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION", "the source has no column '\(watermark.column)'",
        hint: Hint.nearest(to: watermark.column, among: schema.fields.map(\.name), otherwise: "columns are"),
        at: watermark.place)
      return
    }
    if !field.type.isTimestamp {
      diagnostics.report(
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", "the event time '\(field.name)' is \(field.type.sql)",
        hint: "a watermark needs a column of type TIMESTAMP", at: watermark.place)
    }
  }

  // MARK: Sinks

  private func sink(
    _ entry: SinkEntry, _ trigger: TriggerEntry, _ session: SparkSession, _ diagnostics: DiagnosticCollector
  ) -> StreamingSink? {
    let query = attempt(at: entry.query, diagnostics) {
      let query = try session.makeAnalyzer().analyze(entry.syntax)
      try StreamingRules(entry.outputMode, compatibility: session.compatibility).check(query.plan)
      return query
    }
    guard let query else { return nil }
    var sink = StreamingSink(
      name: entry.name, query: query, outputMode: entry.outputMode, format: entry.end.format, options: entry.end.values)
    sink.encode = entry.encode?.name
    sink.encodeOptions = entry.encode?.values ?? [:]
    sink.badRecords = entry.onBadRecord
    sink.onEndOfInput = entry.onEndOfInput
    do {
      var options = StreamingOptions()
      options.trigger = trigger.engineTrigger
      options.deadLetter = SinkEnd(format: "console")
      _ = try session.check([sink], options)
      bench?.adapt(&sink)
      return sink
    } catch let error as MillraceError {
      let place =
        error.code.hasPrefix("STREAMING_OUTPUT_MODE")
        ? entry.outputModePlace
        : error.code.hasPrefix("BAD_RECORDS") ? entry.onBadRecordPlace ?? entry.end.place : entry.end.place
      diagnostics.report(error, at: error.code.hasPrefix("ENCODE_") ? entry.encode?.place ?? place : place)
    } catch {
      diagnostics.report("PIPELINE_FAILED", "\(error)", at: entry.end.place)
    }
    return nil
  }

  // MARK: Checks

  /// Checks the sinks for dead letters and late rows where they stand in the file, and that dead letters have one.
  private func checkSides(
    _ pipeline: PipelineDefinition, _ options: StreamingOptions, _ session: SparkSession,
    _ diagnostics: DiagnosticCollector
  ) {
    for (side, name) in [(pipeline.deadLetter, DeadLetter.sinkName), (pipeline.lateRows, LateRow.sinkName)] {
      guard let side else { continue }
      let place = side.end.place
      _ = attempt(at: place, diagnostics) { try session.checkSide(side.sinkEnd, name: name) }
    }
    guard pipeline.deadLetter == nil else { return }
    let sources = pipeline.sources.filter { $0.onBadRecord == .deadLetter }.map(\.onBadRecordPlace)
    let sinks = pipeline.sinks.filter { $0.onBadRecord == .deadLetter }.map(\.onBadRecordPlace)
    for place in (sources + sinks).compactMap({ $0 }) {
      diagnostics.report(
        "DEAD_LETTER_NEEDS_SINK", "bad records go to the dead letters, and the pipeline has no sink for them",
        hint:
          "add \"deadLetter\": { \"format\": \"json\", \"options\": { \"path\": \"out/rejected\" } } to the pipeline",
        at: place)
    }
  }

  // MARK: Errors of other layers

  /// The result of `body`; nil if it fails, which is then reported at a place.
  private func attempt<Result>(at place: Place, _ diagnostics: DiagnosticCollector, _ body: () throws -> Result)
    -> Result?
  {
    do {
      return try body()
    } catch let error as MillraceError {
      diagnostics.report(error, at: place)
    } catch {
      diagnostics.report("PIPELINE_FAILED", "\(error)", at: place)
    }
    return nil
  }

  /// The same for a query; one error in a view is reported once, although each query over the view meets it.
  private func attempt<Result>(
    at text: LocatedText, _ diagnostics: DiagnosticCollector, _ body: () throws -> Result
  ) -> Result? {
    do {
      return try body()
    } catch let error as MillraceError {
      if let fragment = error.fragment, fragment.view == nil {
        diagnostics.add(source.diagnostic(error, fragment, in: text))
      } else if !diagnostics.diagnostics.contains(where: {
        $0.code == error.code && $0.message.hasPrefix(error.message)
      }) {
        diagnostics.report(error, at: text.place)
      }
    } catch let error as SQLParseError {
      diagnostics.add(source.diagnostic(error, in: text))
    } catch {
      diagnostics.report("PIPELINE_FAILED", "\(error)", at: text.place)
    }
    return nil
  }
}
