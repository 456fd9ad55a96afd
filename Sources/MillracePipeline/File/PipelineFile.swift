package import Millrace
package import MillraceCore
package import MillraceExecution
package import MillraceFormats
package import MillracePlan
package import MillraceSQL
package import MillraceStreaming

/// A pipeline file that was read and checked as far as that goes without its queries and without touching the world.
package struct PipelineFile: Sendable {
  /// The file as the user named it.
  package var path: String
  package var source: PipelineSource
  package var pipelines: [PipelineDefinition]
  /// Found along the way; the file can be used all the same.
  package var warnings: [Diagnostic]
  /// Cases that `millrace test` runs.
  package var tests: [PipelineTest] = []
  /// Connectors of the file's plug-ins.
  package var plugins: [any Connector] = []
  /// Values of secret fields, which must not be shown.
  package var secrets: Set<String> = []
  /// Files, and patterns of files, that all of this was read from: the file itself, what it includes and what its references name.
  package var watched: [String] = []
  /// Path of the socket at which a run of the file can be asked what it does; nil: it cannot.
  package var control: String?

  /// The pipeline of a name; throws `PIPELINE_NOT_FOUND` with the nearest name.
  package func pipeline(_ name: String) throws -> PipelineDefinition {
    if let found = pipelines.first(where: { $0.name == name }) { return found }
    throw MillraceError(
      "PIPELINE_NOT_FOUND", "\(path) has no pipeline '\(name)'",
      hint: Hint.nearest(to: name, among: pipelines.map(\.name), otherwise: "pipelines are"))
  }
}

/// One pipeline: what is read, what is asked, where it goes, and how it runs.
package struct PipelineDefinition: Sendable {
  package var name: String
  package var place: Place
  package var sources: [SourceEntry]
  /// Inputs that do not change while the pipeline runs; for joins.
  package var tables: [SourceEntry]
  /// Named queries in the order of the file; a view may use those above it.
  package var views: [ViewEntry]
  package var sinks: [SinkEntry]
  package var trigger: TriggerEntry
  package var checkpointLocation: LocatedText?
  package var stateStore: StateStoreEntry?
  /// What the pipeline demands; nil if it takes what its parts give.
  package var delivery: DeliveryGuarantee?
  package var deliveryPlace: Place?
  /// Whether a batch is committed while the next is computed.
  package var asyncCommit = false
  package var asyncCommitPlace: Place?
  /// How long rows that later ones replace may wait, in microseconds; nil: the engine's default.
  package var maxEmitDelay: Int64?
  /// What follows a failure.
  package var restart = RestartPolicy.never
  package var restartPlace: Place?
  /// What becomes of what waits for more input when everything was read.
  package var onEndOfInput: EndOfInput = .keep
  /// Where records go that sources and sinks leave out.
  package var deadLetter: SideEntry?
  /// Where rows go that stateful operators leave out as late.
  package var lateRows: SideEntry?
  /// How far beyond Spark the pipeline's queries may go.
  package var compatibility: StreamingRules.Compatibility = .millrace
  /// Settings of the session, by Spark's names, in the order of the file.
  package var settings: [SettingEntry] = []
  /// The pipeline with what it uses, references resolved, without the spelling of the file: equal when nothing has changed. It holds
  /// secrets.
  package var identity = ""
}

/// A setting of a pipeline's session.
package struct SettingEntry: Sendable {
  package var name: String
  package var value: String
  package var place: Place
}

/// What keeps the state.
package struct StateStoreEntry: Sendable {
  package var choice: StateStoreChoice
  package var place: Place
}

/// When batches run.
package enum TriggerEntry: Sendable, Hashable {
  /// As soon as the batch before is done.
  case asSoonAsPossible
  /// At a fixed beat, in microseconds.
  case processingTime(Int64)
  /// Everything there is now, then stop.
  case availableNow
  /// One batch, then stop.
  case once
  /// Each row at once, an epoch per so many microseconds.
  case continuous(Int64)
}

/// A text and where it stands.
package struct LocatedText: Sendable {
  package var text: String
  package var place: Place
  /// What was put in for `${…}` references, in order.
  package var replacements: [TextReplacement] = []
}

/// What sources, tables and sinks have in common: a connector and its options.
package struct EndEntry: Sendable {
  package var name: String
  /// The entry itself.
  package var place: Place
  /// The connector's name in its own spelling.
  package var format: String
  package var formatPlace: Place
  package var options: Options
  /// The options as given.
  package var values: [String: String]
  /// The options as given, secrets as `***`; for facts and plans.
  package var shownOptions: [(name: String, value: String)]
}

/// A decoder or encoder with its settings.
package struct CodecEntry: Sendable {
  package var name: String
  package var options: Options
  /// The settings as given.
  package var values: [String: String]
  package var place: Place
}

/// An entry under `sources` or `tables`.
package struct SourceEntry: Sendable {
  package var end: EndEntry
  /// Nil: `text` where bytes are read, nothing where rows are.
  package var decode: CodecEntry?
  /// Columns that the file declares.
  package var schema: Schema?
  package var schemaPlace: Place?
  /// Whether the columns are to be inferred.
  package var inference: SchemaInference?
  package var watermark: WatermarkEntry?
  /// Names of the sources that must have ended before this one is read.
  package var startAfter: [LocatedText]
  /// Nil: not said.
  package var onBadRecord: BadRecordPolicy?
  package var onBadRecordPlace: Place?
  /// Most bad records of one batch.
  package var maxBadRecords: Int64?
  /// Largest share of bad records in a batch.
  package var maxBadRatio: Double?
  /// When a table is read anew; nil: not said.
  package var reload: TableReload?

  package var name: String { end.name }
}

/// The event-time column of a source and how late its rows may be.
package struct WatermarkEntry: Sendable {
  package var column: String
  package var settings: WatermarkSettings
  package var place: Place
}

/// A named query.
package struct ViewEntry: Sendable {
  package var name: String
  package var query: LocatedText
  /// The query as a tree.
  package var syntax: Query
}

/// An entry under `sinks`.
package struct SinkEntry: Sendable {
  package var end: EndEntry
  package var query: LocatedText
  /// The query as a tree.
  package var syntax: Query
  package var outputMode: OutputMode
  package var outputModePlace: Place
  /// Nil: the engine's choice for sinks that take bytes.
  package var encode: CodecEntry?
  /// What becomes of single rows that the sink's target refuses; nil: not said.
  package var onBadRecord: BadRecordPolicy?
  package var onBadRecordPlace: Place?
  /// Nil: what the pipeline says.
  package var onEndOfInput: EndOfInput?

  package var name: String { end.name }
}

/// The entry under `deadLetter` or `lateRows`.
package struct SideEntry: Sendable {
  package var end: EndEntry
  /// Nil: the engine's choice for sinks that take bytes.
  package var encode: CodecEntry?

  /// The entry as the engine takes it.
  package var sinkEnd: SinkEnd {
    SinkEnd(
      format: end.format, options: end.values, encode: encode?.name, encodeOptions: encode?.values ?? [:])
  }
}
