package import Millrace
package import MillraceStreaming

/// A pipeline that was planned: its queries resolved over a session of its own, its sinks checked, nothing opened.
package struct PipelinePlan: Sendable {
  package var definition: PipelineDefinition
  package var session: SparkSession
  /// In the order of the file.
  package var sinks: [StreamingSink]
  package var options: StreamingOptions
  package var guarantee: DeliveryGuarantee

  /// Compiles and starts the pipeline. What is wrong with its checkpoint is thrown from here; later failures end the query.
  package func start(
    trigger: Trigger? = nil, listeners: [any StreamingQueryListener] = []
  ) throws -> StreamingQueryHandle {
    var options = self.options
    if let trigger { options.trigger = trigger }
    options.listeners = listeners
    return try session.start(sinks, options).handle
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
