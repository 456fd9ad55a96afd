import Millrace
import MillraceCore
import MillraceFormats
import MillracePlan
import MillracePipeline

/// A pipeline in a few lines, as `validate` shows it.
struct PipelineText {
  private let plan: PipelinePlan
  private var pipeline: PipelineDefinition { plan.definition }

  init(_ plan: PipelinePlan) { self.plan = plan }

  var text: String {
    var lines = ["pipeline \(pipeline.name): \(pipeline.trigger.phrase)"]
    for (kind, entries) in [("source", pipeline.sources), ("table", pipeline.tables)] {
      for entry in entries {
        lines.append("  \(kind) \(entry.name): \(end(entry.end))\(details(entry))")
        if entry.inference != nil, let schema = plan.session.schema(ofSource: entry.name) {
          lines.append("    inferred columns \(schema.ddl)")
        }
      }
    }
    lines += pipeline.views.map { "  view \($0.name)" }
    for (sink, planned) in zip(pipeline.sinks, plan.sinks) {
      lines.append("  sink \(sink.name): \(sink.outputMode.rawValue) to \(end(sink.end))")
      lines.append(
        "    columns " + planned.query.plan.schema.fields.map { "\($0.name) \($0.type.sql)" }.joined(separator: ", "))
    }
    if let side = pipeline.deadLetter { lines.append("  dead letters to \(end(side.end))") }
    if let side = pipeline.lateRows { lines.append("  late rows to \(end(side.end))") }
    if let checkpoint = pipeline.checkpointLocation { lines.append("  checkpoint \(checkpoint.text)") }
    lines.append("  delivery \(plan.delivery)")
    return lines.joined(separator: "\n")
  }

  private func end(_ end: EndEntry) -> String {
    let options = end.shownOptions.map { "\($0.name)=\($0.value)" }
    return options.isEmpty ? end.format : "\(end.format) (\(options.joined(separator: ", ")))"
  }

  private func details(_ source: SourceEntry) -> String {
    var text = ""
    if let decode = source.decode { text += ", decoded as \(decode.name)" }
    if let policy = source.onBadRecord { text += ", bad records: \(policy.rawValue)" }
    if let watermark = source.watermark {
      let settings = watermark.settings
      text += ", watermark on \(watermark.column) \(Quantity.duration(microseconds: settings.delay)) behind"
      if let timeout = settings.idleTimeout { text += ", idle after \(Quantity.duration(microseconds: timeout))" }
      if let skew = settings.maxFutureSkew {
        text += ", at most \(Quantity.duration(microseconds: skew)) ahead of the clock"
      }
    }
    return text
  }
}

extension TriggerEntry {
  /// When batches run, in words.
  var phrase: String {
    switch self {
    case .asSoonAsPossible: "a batch as soon as there is new data"
    case .processingTime(let interval): "a batch every \(Quantity.duration(microseconds: interval))"
    case .availableNow: "all that is there now, then the end"
    case .once: "one batch, then the end"
    case .continuous(let interval): "continuously, an epoch every \(Quantity.duration(microseconds: interval))"
    }
  }
}
