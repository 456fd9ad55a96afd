import MillraceCore

/// The input of a batch, fixed before it is read.
struct PlanRecord: Sendable {
  var batchID: Int64
  var plans: [SourcePlan?]
  /// In force for state in this batch, microseconds.
  var watermark: Int64
  /// In force for late rows: the watermark of the batch before.
  var lateWatermark: Int64
  var timestamp: Int64
  var seed: UInt64
  /// All input was read: the batch has none, and what waits for more comes out.
  var isClosing = false

  /// Whether any source has input.
  var hasInput: Bool { plans.contains { $0 != nil } }
}

/// What a batch came to, as far as a recovery needs it.
struct CommitRecord: Sendable {
  var batchID: Int64
  /// Where each source stands.
  var offsets: [Offset?]
  /// What each sink recovers to.
  var tokens: [JSON]
  var deltas: [StateDeltaRecord]
  /// In force in this batch.
  var watermark: Int64
  /// Per watermark definition, nil before its first row.
  var watermarks: [Int64?]
  /// In force in the next batch.
  var nextWatermark: Int64
  var inputRows: Int64
  var outputRows: [Int64]
  /// What waited for more input came out, and none came since.
  var isClosed = false
  /// Where the side outputs stand.
  var sides: [SideRecord] = []
  /// By sink, the last batch whose rows it was given, -1 for none; empty where that is this batch for all of them.
  var emitted: [Int64] = []

  /// The last batch whose rows a sink was given; nil: none.
  func emitted(_ sink: Int) -> Int64? {
    guard emitted.indices.contains(sink) else { return batchID }
    return emitted[sink] < 0 ? nil : emitted[sink]
  }

  /// Takes over what each sink was given last, and what it gave for it.
  mutating func note(_ emissions: [(batchID: Int64?, token: JSON)]) {
    tokens = emissions.map(\.token)
    let batches = emissions.map { $0.batchID ?? -1 }
    emitted = batches.allSatisfy { $0 == batchID } ? [] : batches
  }

  private static var otherSinkCount: MillraceError {
    MillraceError("CHECKPOINT_CORRUPT", "a record names another number of sinks in 'emitted'", fault: .external)
  }

  /// The version of state after the batch.
  var stateVersion: Int64 { batchID + 1 }
}

/// The changes that a batch made to one operator's state.
struct StateDeltaRecord: Sendable, Hashable {
  var operatorIndex: Int
  var byteCount: Int
  var checksum: UInt32
  /// In a file, not in the log.
  var isFile: Bool
  /// Where they lie in the file of all operators' changes of the version, piece by piece; nil in checkpoints that have a file for each operator.
  var pieces: [Range<Int>]?
  /// Of a store that keeps its versions itself: what it gave for this one. There are no bytes then.
  var token: JSON?
}

extension PlanRecord {
  var json: JSON {
    let members: JSON = .dictionary([
      "batch": .int(batchID), "watermark": .int(watermark), "late": .int(lateWatermark), "timestamp": .int(timestamp),
      "seed": .string(String(seed, radix: 16)), "plans": .array(plans.map { $0.map(Self.json) ?? .null }),
    ])
    return isClosing ? members.marked("closing") : members
  }

  private static func json(_ plan: SourcePlan) -> JSON {
    .object([
      .init("splits", .array(plan.splits.map(json))), .init("end", plan.end?.json ?? .null),
      .init("known", .bool(plan.end != nil)),
    ])
  }

  private static func json(_ split: SourceSplit) -> JSON {
    var members: [JSON.Member] = [.init("name", .string(split.name)), .init("payload", split.payload)]
    if let limit = split.byteLimit { members.append(.init("limit", .int(limit))) }
    if !split.isFinal { members.append(.init("final", .bool(false))) }
    if let key = split.continuationKey { members.append(.init("continues", .string(key))) }
    if split.offset != 0 { members.append(.init("at", .int(split.offset))) }
    return .object(members)
  }

  init(_ json: JSON) throws {
    batchID = try json.need("batch", \.int)
    watermark = try json.need("watermark", \.int)
    lateWatermark = try json.need("late", \.int)
    timestamp = try json.need("timestamp", \.int)
    seed = UInt64(try json.need("seed", \.string), radix: 16) ?? 0
    isClosing = json["closing"]?.bool ?? false
    plans = try json.need("plans", \.array).map { plan in
      if plan == .null { return nil }
      let splits = try plan.need("splits", \.array).map { split in
        SourceSplit(
          name: try split.need("name", \.string), payload: split["payload"] ?? .null, byteLimit: split["limit"]?.int,
          isFinal: split["final"]?.bool ?? true, continuationKey: split["continues"]?.string,
          offset: split["at"]?.int ?? 0)
      }
      let end = try plan.need("known", \.bool) ? Offset(plan["end"] ?? .null) : nil
      return SourcePlan(splits: splits, end: end)
    }
  }
}

extension CommitRecord {
  var json: JSON {
    let members: JSON = .dictionary([
      "batch": .int(batchID), "offsets": .array(offsets.map { .array($0.map { [$0.json] } ?? []) }),
      "sinks": .array(tokens), "state": .array(deltas.map(\.json)), "watermark": .int(watermark),
      "watermarks": .array(watermarks.map { $0.map { .int($0) } ?? .null }), "next": .int(nextWatermark),
      "in": .int(inputRows), "out": .array(outputRows.map { .int($0) }),
    ])
    let marked = isClosed ? members.marked("closed") : members
    var more: [JSON.Member] = []
    if !sides.isEmpty { more.append(.init("sides", .array(sides.map(\.json)))) }
    if !emitted.isEmpty { more.append(.init("emitted", .array(emitted.map { .int($0) }))) }
    return more.isEmpty ? marked : .object((marked.members ?? []) + more)
  }

  init(_ json: JSON) throws {
    batchID = try json.need("batch", \.int)
    offsets = try json.need("offsets", \.array).map { $0.array?.first.map { Offset($0) } }
    tokens = try json.need("sinks", \.array)
    deltas = try json.need("state", \.array).map { try StateDeltaRecord($0) }
    watermark = try json.need("watermark", \.int)
    watermarks = try json.need("watermarks", \.array).map(\.int)
    nextWatermark = try json.need("next", \.int)
    inputRows = try json.need("in", \.int)
    outputRows = try json.need("out", \.array).map { $0.int ?? 0 }
    isClosed = json["closed"]?.bool ?? false
    sides = try json["sides"]?.array?.map { try SideRecord($0) } ?? []
    emitted = json["emitted"]?.array?.map { $0.int ?? -1 } ?? []
    guard emitted.isEmpty || emitted.count == tokens.count else { throw Self.otherSinkCount }
  }
}

extension StateDeltaRecord {
  var json: JSON {
    var parts: [JSON] = [.int(Int64(operatorIndex)), .int(Int64(byteCount)), .int(Int64(checksum)), .bool(isFile)]
    if token != nil || pieces != nil { parts.append(token ?? .null) }
    // One piece is as long as all.
    if let pieces, pieces.count == 1 {
      parts.append(.int(Int64(pieces[0].lowerBound)))
    } else if let pieces {
      parts.append(.array(pieces.flatMap { [.int(Int64($0.lowerBound)), .int(Int64($0.count))] }))
    }
    return .array(parts)
  }

  init(_ json: JSON) throws {
    guard let parts = json.array, (4...6).contains(parts.count), let index = parts[0].int,
      let count = parts[1].int, let checksum = parts[2].int, let isFile = parts[3].bool
    else { throw Self.otherForm }
    operatorIndex = Int(index)
    byteCount = Int(count)
    self.checksum = UInt32(truncatingIfNeeded: checksum)
    self.isFile = isFile
    pieces = parts.count == 6 ? try Self.pieces(parts[5], byteCount: Int(count)) : nil
    token = parts.count == 5 ? parts[4] : nil
  }

  /// One piece is its offset, several are an offset and a length each.
  private static func pieces(_ json: JSON, byteCount: Int) throws -> [Range<Int>] {
    let numbers = json.int.map { [Int($0), byteCount] } ?? json.array?.map { Int($0.int ?? -1) } ?? [-1]
    guard numbers.count % 2 == 0, numbers.allSatisfy({ (0...largestNumber).contains($0) }) else { throw otherForm }
    let pieces = stride(from: 0, to: numbers.count, by: 2).map { numbers[$0]..<numbers[$0] + numbers[$0 + 1] }
    guard pieces.reduce(0, { $0 &+ $1.count }) == byteCount else { throw otherForm }
    return pieces
  }

  /// Offsets and lengths beyond it are damage, which may not overflow.
  private static let largestNumber = 1 << 60

  private static var otherForm: MillraceError {
    MillraceError("CHECKPOINT_CORRUPT", "a record of state changes has another form", fault: .external)
  }
}

extension JSON {
  /// An object with one more member, which is true.
  fileprivate func marked(_ key: String) -> JSON { .object((members ?? []) + [Member(key, .bool(true))]) }

  /// A member that must be there; `CHECKPOINT_CORRUPT` without it.
  func need<T>(_ key: String, _ read: (JSON) -> T?) throws -> T {
    guard let value = self[key].flatMap(read) else {
      throw MillraceError("CHECKPOINT_CORRUPT", "a record of the checkpoint lacks '\(key)'", fault: .external)
    }
    return value
  }
}
