import Millrace
import MillraceColumnar
import MillraceCore
import MillraceFormats
import MillracePipeline
import MillraceStreaming

/// The dead letters of one pipeline.
struct DeadLetterBox {
  let pipeline: PipelineDefinition
  private let session: SparkSession
  private let files: any FileSystem

  /// Those of the chosen pipelines of a file that have a sink for dead letters.
  static func all(_ options: PipelineOptions) throws -> [DeadLetterBox] {
    var context = CommandContext.current
    let file = try context.readPipelineFile(options.file)
    context.catalog = context.catalog.adding(file.plugins)
    let chosen = try options.names.isEmpty ? file.pipelines : options.names.map(file.pipeline)
    let boxes = try chosen.compactMap { [context] in try DeadLetterBox($0, context) }
    if boxes.isEmpty {
      throw MillraceError(
        "DEAD_LETTER_NEEDS_SINK", "no pipeline of \(options.file) that was asked for has a sink for dead letters",
        hint: "add \"deadLetter\": { \"format\": …, \"options\": { … } } to the pipeline")
    }
    return boxes
  }

  private init?(_ pipeline: PipelineDefinition, _ context: CommandContext) throws {
    guard let side = pipeline.deadLetter else { return nil }
    self.pipeline = pipeline
    files = context.environment.files
    session = SparkSession(connectors: context.catalog.ownConnectors, environment: context.environment)
    // What cannot be read back is an error before anything was written, too.
    let letters = try SideTable.definition(
      of: side, schema: DeadLetter.schema, name: "letters", catalog: context.catalog, in: session)
    if try SideTable.exists(side, files) {
      session.register(letters)
    } else {
      let none = RecordBatch(rowCount: 0, columns: DeadLetter.schema.types.map { .nulls($0, count: 0) })
      session.register(table: "letters", schema: DeadLetter.schema, rows: none)
    }
    try registerReplays()
  }

  // MARK: What was handed over

  private static let replaySchema = Schema([
    StructField("query_id", .string), StructField("batch_id", .long), StructField("number", .long),
    StructField("replay", .string),
  ])

  private func folder(_ source: String) -> ReplayFolder? {
    pipeline.checkpointLocation.map { ReplayFolder(checkpoint: $0.text, source: source, files: files) }
  }

  /// Makes the table of the dead letters that were handed over.
  private func registerReplays() throws {
    let columns = Self.replaySchema.types.map { ColumnBuilder($0) }
    for source in pipeline.sources {
      for part in try folder(source.name)?.parts() ?? [] {
        for letter in part.letters {
          columns[0].append(string: letter.queryID)
          columns[1].append(raw: letter.batchID)
          columns[2].append(raw: letter.number)
          columns[3].append(string: part.isWaiting ? "waiting" : "replayed")
        }
      }
    }
    let rows = RecordBatch(rowCount: columns[0].count, columns: columns.map { $0.finish() })
    session.register(table: "replays", schema: Self.replaySchema, rows: rows)
  }

  /// Dead letters that meet conditions, in the order in which they were left out.
  func select(_ columns: [String], _ conditions: [String], limit: Int? = nil) throws -> DataFrame {
    let joined =
      "SELECT l.*, r.replay FROM letters l LEFT JOIN replays r ON l.query_id = r.query_id AND l.batch_id = r.batch_id AND l.number = r.number"
    let filter = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
    return try session.execute(
      statement:
        "SELECT \(columns.joined(separator: ", ")) FROM (\(joined)) l\(filter) ORDER BY l.time, l.query_id, l.batch_id, l.number"
        + (limit.map { " LIMIT \($0)" } ?? ""))
  }

  // MARK: Replay

  /// What a replay came to.
  struct Outcome {
    var handedOver: [(source: String, count: Int)] = []
    /// About dead letters that cannot be handed over.
    var remarks: [String] = []
  }

  /// Hands over what meets conditions and was not handed over before.
  func replay(_ conditions: [String], dryRun: Bool) throws -> Outcome {
    guard pipeline.checkpointLocation != nil else {
      throw MillraceError(
        "REPLAY_NEEDS_CHECKPOINT", "the pipeline '\(pipeline.name)' has no checkpointLocation",
        hint: "without one nothing says what was read, and a record could be read twice")
    }
    let frame = try select(
      ["query_id", "batch_id", "number", "origin", "name", "record", "encoding", "length"].map { "l.`\($0)`" },
      conditions + ["replay IS NULL"])
    var outcome = Outcome()
    var records: [String: [(id: DeadLetterID, bytes: [UInt8])]] = [:]
    var refused = 0, cut = 0
    for batch in try QueryResult.running({ try frame.batches() }) {
      for row in 0..<batch.rowCount {
        let text = { (column: Int) in String(decoding: batch.columns[column].bytes(row), as: UTF8.self) }
        let number = { (column: Int) in
          batch.columns[column].values(as: Int64.self)[batch.columns[column].slot(row)]
        }
        if text(3) != DeadLetter.Origin.source.rawValue {
          refused += 1
          continue
        }
        let bytes = text(6) == "base64" ? Base64.bytes(text(5)) ?? [] : Array(batch.columns[5].bytes(row))
        if Int64(bytes.count) != number(7) {
          cut += 1
          continue
        }
        let id = DeadLetterID(queryID: text(0), batchID: number(1), number: number(2))
        records[text(4), default: []].append((id, bytes))
      }
    }
    for (source, own) in records.sorted(by: { $0.key < $1.key }) {
      guard pipeline.sources.contains(where: { $0.name == source && $0.onBadRecord == .deadLetter }) else {
        outcome.remarks.append(
          "\(own.count) dead letters are of '\(source)', which is no source with \"onBadRecord\": \"deadLetter\" any more"
        )
        continue
      }
      if !dryRun { try folder(source)?.add(own) }
      outcome.handedOver.append((source, own.count))
    }
    if refused > 0 {
      outcome.remarks.append("\(refused) are rows that a sink's target refused; their source has read them")
    }
    if cut > 0 { outcome.remarks.append("\(cut) were too large to be kept whole") }
    return outcome
  }
}
