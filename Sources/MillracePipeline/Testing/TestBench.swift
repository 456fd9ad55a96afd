import Millrace
import MillraceColumnar
import MillraceCore
import MillraceFormats
import MillraceExecution
import MillraceStreaming
import Synchronization

/// Stands in for the world around a pipeline under test: its sources give what the test gives, its sinks only keep their rows, and its
/// clock shows the test's time.
final class TestBench: Sendable {
  let test: PipelineTest
  let results: TestResults
  let clock: TestClock
  let environment: Environment
  /// Where checkpoint and rows lie; nil where nothing must survive.
  let folder: String?

  init(_ test: PipelineTest, folder: String?, files: any FileSystem) {
    self.test = test
    self.folder = folder
    results = TestResults(folder: folder, files)
    clock = TestClock(test.clock.first ?? 0)
    environment = Environment(files: files, clock: clock)
  }

  /// The source that the test has in place of the pipeline's own.
  func replacing(_ definition: SourceDefinition) throws -> SourceDefinition {
    let batches = try self.batches(of: definition)
    let own = definition.bind
    let rows = try JSONRows.decoding(definition.schema)
    let decoding: any Decoding = definition.namesFiles ? FileColumnsDecoding(rows, environment.files) : rows
    let isRaw = isRaw(definition.name)
    if isRaw, case .rows = try own(SourceSetup(environment: environment)).input {
      throw MillraceError(
        "DECODE_NOT_APPLICABLE", "the source '\(definition.name)' gives rows, and the test gives it raw records",
        hint: "give it objects with its columns: \(definition.schema.names.joined(separator: ", "))")
    }
    var replaced = definition
    replaced.isReplayable = true
    // The clock is the test's.
    replaced.replaySpeed = nil
    let (clock, times) = (self.clock, test.clock)
    replaced.bind = { setup in
      var binding = try own(setup)
      let source = TestSource(name: definition.name, batches: batches) { batch in
        if definition.isStreaming, let time = times.isEmpty ? nil : times[min(batch, times.count - 1)] {
          clock.set(time)
        }
      }
      if isRaw, case .bytes(_, let own) = binding.input {
        binding.input = .bytes(source, own)
      } else {
        binding.input = .bytes(source, decoding)
      }
      return binding
    }
    return replaced
  }

  /// The settings of a run that reads what is given and ends. A case goes on after a crash as it does in life: from its checkpoint.
  func adapt(_ options: inout StreamingOptions) {
    options.trigger = .availableNow
    options.delivery = nil
    options.restart = .never
    options.checkpointLocation = folder.map { "\($0)/checkpoint" }
    if options.deadLetter != nil { options.deadLetter = SinkEnd(format: TestSinkConnector.name) }
    if options.lateRows != nil { options.lateRows = SinkEnd(format: TestSinkConnector.name) }
  }

  /// The sink that the test has in place of the pipeline's own.
  func adapt(_ sink: inout StreamingSink) {
    sink.format = TestSinkConnector.name
    sink.options = [:]
    sink.encode = nil
    sink.encodeOptions = [:]
    // The target that would refuse rows is not there.
    sink.badRecords = nil
  }

  private func inputs(_ name: String) -> [PipelineTest.Input?] {
    test.given.map { batch in batch.first { $0.name.lowercased() == name.lowercased() } }
  }

  private func isRaw(_ name: String) -> Bool {
    inputs(name).contains { if case .records = $0?.rows { true } else { false } }
  }

  /// The bytes of each batch. A table gives those of all batches at once.
  private func batches(of definition: SourceDefinition) throws -> [[UInt8]] {
    let batches = try inputs(definition.name).map { input -> [UInt8] in
      switch input?.rows {
      case nil: return []
      case .records(let records): return records.flatMap { Array("\($0)\n".utf8) }
      case .objects(let rows):
        if !rows.isEmpty, isRaw(definition.name) {
          throw MillraceError(
            "PIPELINE_WRONG_TYPE", "'\(definition.name)' is given objects in one batch and raw records in another",
            hint: "give it one or the other")
        }
        return try rows.flatMap { try Self.bytes($0, definition.schema) }
      }
    }
    return definition.isStreaming ? batches : [batches.flatMap { $0 }]
  }

  private static func bytes(_ row: PipelineTest.Located<JSON>, _ schema: Schema) throws -> [UInt8] {
    do {
      _ = try JSONRows.normalized(row.value, schema)
      return Array("\(row.value.text)\n".utf8)
    } catch let error as MillraceError {
      throw PipelineFileError([
        Diagnostic(error.code, error.message, hint: error.hint, file: row.place.file, place: row.place)
      ])
    }
  }
}

extension Place {
  /// `file:line:column`.
  var location: String { "\(file):\(line):\(column)" }
}
