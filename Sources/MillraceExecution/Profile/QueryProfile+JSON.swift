public import MillraceCore

extension QueryProfile {
  /// The profile as `millrace run --profile` writes it: times in nanoseconds, each in one place only.
  public var json: JSON {
    .dictionary([
      "name": .string(name), "batches": .int(batches), "wallNanoseconds": .int(wallNanoseconds),
      "busyNanoseconds": .int(busyNanoseconds),
      "threads": .array(
        threads.map { .dictionary(["thread": .int(Int64($0.number)), "role": .string($0.role.rawValue)]) }),
      "outputs": .array(outputs.map { .dictionary(["name": .string($0.name), "root": $0.root.json]) }),
      "phases": .array(phases.map(\.json)),
    ])
  }
}

extension OperatorProfile {
  var json: JSON {
    let total = self.total
    var members: [JSON.Member] = [
      .init("name", .string(name)), .init("detail", .string(detail)), .init("nanoseconds", .int(total.nanoseconds)),
      .init("rowsIn", .int(rowsIn)), .init("rowsOut", .int(rowsOut)), .init("batches", .int(batches)),
    ]
    members += total.byteMembers
    if let sharedWith { members.append(.init("sharedWith", .string(sharedWith))) }
    members.append(.init("steps", .array(steps.map(\.json))))
    members.append(.init("threads", .array(threads.map(\.json))))
    members.append(.init("inputs", .array(inputs.map(\.json))))
    return .object(members)
  }
}

extension StepProfile {
  var json: JSON {
    .dictionary([
      "name": .string(step.rawValue), "nanoseconds": .int(total.nanoseconds), "threads": .array(threads.map(\.json)),
    ])
  }
}

extension PhaseProfile {
  var json: JSON {
    .dictionary([
      "name": .string(phase.name), "nanoseconds": .int(total.nanoseconds), "threads": .array(threads.map(\.json)),
    ])
  }
}

extension ThreadProfile {
  /// Without what the thread did not count.
  var json: JSON {
    let rows: [(String, Int64)] = [
      ("rowsIn", counters.rowsIn), ("rowsOut", counters.rowsOut), ("batches", counters.batches),
    ]
    return .object(
      [.init("thread", .int(Int64(thread))), .init("nanoseconds", .int(counters.nanoseconds))]
        + rows.filter { $0.1 != 0 }.map { .init($0.0, .int($0.1)) } + counters.byteMembers)
  }
}

extension ProfileCounters {
  /// Bytes, where there are any.
  fileprivate var byteMembers: [JSON.Member] {
    if storedBytes == 0 && plainBytes == 0 { return [] }
    return [.init("storedBytes", .int(storedBytes)), .init("plainBytes", .int(plainBytes))]
  }
}

extension ProfilePhase {
  /// The phase in JSON.
  var name: String {
    switch self {
    case .other: "other"
    case .planning: "planning"
    case .recovery: "recovery"
    case .poll: "poll"
    case .log: "log"
    case .stateFiles: "stateFiles"
    case .publish: "publish"
    case .close: "close"
    case .waitForWorkers: "waitForWorkers"
    case .waitForInput: "waitForInput"
    }
  }
}
