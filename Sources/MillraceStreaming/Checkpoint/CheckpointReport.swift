package import MillraceCore

/// What a checkpoint holds, as `millrace checkpoint` tells it.
package struct CheckpointReport {
  /// A segment of the log.
  package struct Segment {
    package var path: String
    package var byteCount: Int
    /// Records by kind: head, plan, commit, seal.
    package var records: [(kind: String, count: Int)]
  }

  /// The state of one store, of which an operator has one or more.
  package struct State {
    package var index: Int
    package var version: Int64
    package var snapshot: (version: Int64, byteCount: Int)?
    /// Changes since the snapshot.
    package var changeCount = 0
    package var changeBytes = 0
    /// What a store that keeps its versions itself gave for this one.
    package var token: JSON?
  }

  /// The bytes of a source that cannot be asked again.
  package struct Journal {
    package var source: String
    package var segments: Int
    package var byteCount: Int
    /// Offsets of the bytes in it.
    package var range: Range<Int64>
  }

  /// Something that is not as it was written.
  package struct Damage {
    package var path: String
    package var offset: Int
    package var what: String
  }

  package var location: String
  /// The query's; nil where `meta.json` cannot be read.
  package var queryID: String?
  /// Microseconds since the epoch.
  package var created: Int64 = 0
  package var operators: [(name: String, content: String)] = []
  package var sinks: [String] = []
  package var stateStore = "memory"
  package var segments: [Segment] = []
  /// The last record of the log.
  package var lastSequence: UInt64 = 0
  /// The last batch or epoch that is done.
  package var commit: Commit?
  /// A batch that was fixed and not done.
  package var pending: Pending?
  package var states: [State] = []
  package var journals: [Journal] = []
  package var damages: [Damage] = []
  /// What is odd and no damage, such as the torn end that a crash leaves.
  package var notes: [String] = []

  /// A batch or epoch that is done.
  package struct Commit {
    package var batchID: Int64
    /// By source.
    package var offsets: [JSON]
    /// By sink.
    package var tokens: [JSON]
    /// Name and last batch, counted by itself, of what takes dead letters and late rows.
    package var sides: [(name: String, batch: Int64, token: JSON)]
    /// In force in the next batch; microseconds.
    package var watermark: Int64
    package var inputRows: Int64
    package var outputRows: [Int64]
  }

  /// A batch that is not done.
  package struct Pending {
    package var batchID: Int64
    /// Names of what it reads, by source.
    package var inputs: [[String]]
  }
}

extension CheckpointReport {
  /// The facts for programs.
  package var json: JSON {
    .dictionary([
      "location": .string(location), "id": queryID.map { .string($0) } ?? .null,
      "created": .string(ISOTime.text(created)), "stateStore": .string(stateStore),
      "operators": .array(
        operators.map { .dictionary(["name": .string($0.name), "content": .string($0.content)]) }),
      "sinks": .array(sinks.map { .string($0) }),
      "log": .dictionary([
        "segments": .array(segments.map(\.json)), "lastSequence": .int(Int64(clamping: lastSequence)),
      ]),
      "commit": commit?.json ?? .null, "pendingPlan": pending?.json ?? .null, "state": .array(states.map(\.json)),
      "journals": .array(journals.map(\.json)), "damages": .array(damages.map(\.json)),
      "notes": .array(notes.map { .string($0) }),
    ])
  }
}

extension CheckpointReport.Segment {
  fileprivate var json: JSON {
    .dictionary([
      "file": .string(path), "bytes": .int(Int64(byteCount)),
      "records": .object(records.map { .init($0.kind, .int(Int64($0.count))) }),
    ])
  }
}

extension CheckpointReport.Commit {
  fileprivate var json: JSON {
    .dictionary([
      "batch": .int(batchID), "offsets": .array(offsets), "sinks": .array(tokens),
      "watermark": .string(ISOTime.text(watermark)), "inputRows": .int(inputRows),
      "outputRows": .array(outputRows.map { .int($0) }),
      "sides": .array(
        sides.map { .dictionary(["name": .string($0.name), "batch": .int($0.batch), "token": $0.token]) }),
    ])
  }
}

extension CheckpointReport.Pending {
  fileprivate var json: JSON {
    .dictionary([
      "batch": .int(batchID), "inputs": .array(inputs.map { .array($0.map { .string($0) }) }),
    ])
  }
}

extension CheckpointReport.State {
  fileprivate var json: JSON {
    var members: [JSON.Member] = [.init("store", .int(Int64(index))), .init("version", .int(version))]
    if let snapshot {
      members.append(
        .init(
          "snapshot",
          .dictionary(["version": .int(snapshot.version), "bytes": .int(Int64(snapshot.byteCount))])))
    }
    if let token {
      members.append(.init("token", token))
    } else {
      members.append(
        .init("changes", .dictionary(["count": .int(Int64(changeCount)), "bytes": .int(Int64(changeBytes))])))
    }
    return .object(members)
  }
}

extension CheckpointReport.Journal {
  fileprivate var json: JSON {
    .dictionary([
      "source": .string(source), "segments": .int(Int64(segments)), "bytes": .int(Int64(byteCount)),
      "from": .int(range.lowerBound), "to": .int(range.upperBound),
    ])
  }
}

extension CheckpointReport.Damage {
  fileprivate var json: JSON {
    .dictionary(["file": .string(path), "offset": .int(Int64(offset)), "what": .string(what)])
  }
}
