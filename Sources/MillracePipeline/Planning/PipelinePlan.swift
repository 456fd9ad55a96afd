package import Millrace
import MillraceCore
package import MillraceExecution
package import MillraceStreaming

/// A pipeline that was planned: its queries resolved over a session of its own, its sinks checked, nothing opened.
package struct PipelinePlan: Sendable {
  package var definition: PipelineDefinition
  package var session: SparkSession
  /// In the order of the file.
  package var sinks: [StreamingSink]
  package var options: StreamingOptions
  package var guarantee: DeliveryGuarantee
  /// Names of the sources for which the guarantee begins at the query's journal: what a crash finds between sender and journal is lost.
  package var journaled: [String]
  /// The pipeline file, as the user named it.
  package var file: String

  /// The guarantee, and from where on it holds.
  package var delivery: String {
    // Without a checkpoint there is no journal, and no promise beyond this one.
    if journaled.isEmpty || guarantee == .atMostOnce { return guarantee.rawValue }
    let isAll = definition.sources.allSatisfy { journaled.contains($0.name) }
    let whose = isAll ? "" : ", for \(journaled.joined(separator: " and "))"
    return "\(guarantee.rawValue)\(whose) from the journal on"
  }

  /// Compiles and starts the pipeline. What is wrong with its checkpoint is thrown from here, with the place of `checkpointLocation`
  /// in the file; later failures end the query. Rows of its components can be looked at through `taps`.
  package func start(
    trigger: Trigger? = nil, listeners: [any StreamingQueryListener] = [], taps: QueryTaps? = nil
  ) throws -> StreamingQueryHandle {
    var options = self.options
    if let trigger { options.trigger = trigger }
    options.listeners = listeners
    options.taps = taps
    do {
      return try session.start(sinks, options).handle
    } catch {
      throw located(error)
    }
  }

  /// Throws where the pipeline could not go on from its checkpoint, which a query that is about to end may have `inUse`.
  package func checkCheckpoint(inUse: Bool) throws {
    do {
      try session.checkCheckpoint(sinks, options, inUse: inUse)
    } catch {
      throw located(error)
    }
  }

  /// The error, with the place of `checkpointLocation` where it is about that.
  private func located(_ error: any Error) -> any Error {
    guard var error = error as? MillraceError, let place = definition.checkpointLocation?.place, error.location == nil,
      Self.isAboutCheckpoint(error)
    else { return error }
    error.location = "\(place.file.isEmpty ? file : place.file):\(place.line):\(place.column)"
    return error
  }

  /// The error of a running query, with the place in the file of the source or sink that it is about, where that can be told.
  package func located(running error: any Error) -> any Error {
    guard var error = error as? MillraceError, error.location == nil else { return error }
    let inputs = (definition.sources + definition.tables).map(\.end)
    let outputs = definition.sinks.map(\.end)
    var candidates: [EndEntry] = []
    if error.code.hasPrefix("PATH_") || error.code.hasPrefix("SOURCE_") { candidates = inputs }
    if error.code.hasPrefix("SINK_") { candidates = outputs }
    if error.code.hasPrefix("SOCKET_") { candidates = (inputs + outputs).filter { $0.format == "socket" } }
    guard candidates.count == 1, let place = candidates.first?.place else { return error }
    error.location = "\(place.file.isEmpty ? file : place.file):\(place.line):\(place.column)"
    return error
  }

  private static func isAboutCheckpoint(_ error: MillraceError) -> Bool {
    error.code.hasPrefix("CHECKPOINT_") || error.code.hasPrefix("STATE_")
  }
}

extension TriggerEntry {
  /// The trigger as the engine takes it.
  var engineTrigger: Trigger {
    switch self {
    case .asSoonAsPossible: .asSoonAsPossible
    case .processingTime(let interval): .processingTime(interval)
    case .availableNow: .availableNow
    case .once: .once
    case .continuous(let interval): .continuous(interval)
    }
  }
}
