package import MillraceColumnar
import MillraceCore
package import MillracePlan

/// A processor as the engine calls it.
package final class ProcessorProgram: StateProgram {
  private let processor: any StatefulProcessor
  private let keyNames: [String]
  private let inputNames: [String]
  private let initialNames: [String]
  private let output: Schema
  private var handle: StatefulProcessorHandle?

  package init(
    _ processor: any StatefulProcessor, keyNames: [String], inputNames: [String], initialNames: [String] = [],
    output: Schema
  ) {
    self.initialNames = initialNames
    self.processor = processor
    self.keyNames = keyNames
    self.inputNames = inputNames
    self.output = output
  }

  package func initialize(_ state: any KeyedState) throws {
    let handle = StatefulProcessorHandle(state)
    self.handle = handle
    do {
      try processor.initialize(handle)
    } catch let error as MillraceError where error.code.hasPrefix("STATE") {
      throw error
    } catch {
      throw MillraceError(
        "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR", "initialize of the stateful processor failed", cause: error)
    }
    handle.endInitialization()
  }

  private func key(_ keys: [ColumnVector], _ row: Int) -> Row { Row(keys.map { $0.value(row) }, names: keyNames) }

  package func handleRows(
    _ keys: [ColumnVector], _ row: Int, _ rows: RecordBatch, _ range: Range<Int>, _ times: StateTimes,
    _ output: [ColumnBuilder]
  ) throws {
    try processor.handleInputRows(
      key(keys, row), InputRows(rows, names: inputNames, range), TimerValues(times: times),
      OutputRows(output, self.output))
  }

  package func handleInitialState(
    _ keys: [ColumnVector], _ row: Int, _ rows: RecordBatch, _ position: Int, _ times: StateTimes
  ) throws {
    guard let processor = processor as? any StatefulProcessorWithInitialState else { return }
    try processor.handleInitialState(
      key(keys, row), InputRow(rows, initialNames, position), TimerValues(times: times))
  }

  package func handleTimer(
    _ keys: [ColumnVector], _ row: Int, expiry: Int64, _ times: StateTimes, _ output: [ColumnBuilder]
  ) throws {
    try processor.handleExpiredTimer(
      key(keys, row), ExpiredTimerInfo(expiryTimeInMs: expiry / 1000), TimerValues(times: times),
      OutputRows(output, self.output))
  }

  package func expire(_ variable: Int32, _ part: [UInt8]) throws { try handle?.variables[variable]?.expire(part) }

  package func close() { processor.close() }
}

/// Makes a processor for each run.
struct ProcessorFactory<Processor: StatefulProcessor>: StateProgramFactory {
  let make: @Sendable () -> Processor
  let keyNames: [String]
  let inputNames: [String]
  var initialNames: [String] = []
  let output: Schema

  var name: String { "\(Processor.self)" }

  func makeProgram() -> any StateProgram {
    ProcessorProgram(
      make(), keyNames: keyNames, inputNames: inputNames, initialNames: initialNames, output: output)
  }
}
