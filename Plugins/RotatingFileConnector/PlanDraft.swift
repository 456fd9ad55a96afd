import MillraceCore

/// A plan in the making: what is read from which file, and what is known of the files afterwards.
struct PlanDraft {
  /// The files that the offset after the batch holds.
  private(set) var files: [FollowedFile] = []
  private(set) var bytesLeft: Int64
  private var splitsLeft: Int
  private let isLimited: Bool
  private var reads: [Read] = []

  init(_ limit: ReadLimit) {
    bytesLeft = limit.byteBound() ?? .max / 4
    isLimited = limit.byteBound() != nil
    splitsLeft = limit.files ?? .max
  }

  private struct Read {
    var file: FollowedFile
    /// Nil: to the end, or the limit.
    var end: Int64?
    var byteLimit: Int64?
    /// The beginning of the next file that belongs to the last record, and where it ends.
    var more: (file: FollowedFile, end: Int64)?
  }

  /// Whether the batch has as much as it may.
  var isFull: Bool { bytesLeft <= 0 || splitsLeft <= 0 }

  /// Whether nothing is read yet.
  var isEmpty: Bool { reads.isEmpty }

  /// The log that was read last.
  var lastBase: String? { reads.last?.file.base }

  /// The batch takes no more.
  mutating func close() { bytesLeft = 0 }

  /// Files that must stay open until the batch is done.
  var keys: Set<FollowedFile.Key> { Set(files.filter { !$0.isDone }.map(\.key)).union(reads.map(\.file.key)) }

  /// The file is known after the batch.
  mutating func keep(_ file: FollowedFile) { files.append(file) }

  /// Of each log as many as `limit` files that are done stay known by themselves, the newest; of the others only the time of their last
  /// change.
  mutating func forget(beyond limit: Int) {
    var done: [String: Int] = [:]
    var horizons: [String: Int64] = [:]
    var kept: [FollowedFile] = []
    for file in files.reversed() {
      if file.isDone {
        done[file.base, default: 0] += 1
        if done[file.base, default: 0] > limit {
          horizons[file.base] = max(horizons[file.base] ?? 0, file.modified)
          continue
        }
      }
      kept.append(file)
    }
    if horizons.isEmpty { return }
    files = kept.reversed().map { file in
      var file = file
      file.horizon = max(file.horizon, horizons[file.base] ?? 0)
      return file
    }
  }

  /// Lines of a file from its offset to `end` are read.
  mutating func read(_ file: FollowedFile, to end: Int64) {
    reads.append(Read(file: file, end: end))
    bytesLeft -= end - file.offset
    splitsLeft -= 1
  }

  /// The last record of a file is read, with its rest at the beginning of the next file.
  mutating func read(_ file: FollowedFile, to end: Int64, joined next: FollowedFile, to nextEnd: Int64) {
    reads.append(Read(file: file, end: end, more: (next, nextEnd)))
    bytesLeft -= end - file.offset + nextEnd
    splitsLeft -= 1
  }

  /// The rest of a compressed file is read, as far as the limit allows; what that comes to shows afterwards.
  mutating func readWhole(_ file: FollowedFile) {
    keep(file)
    if isFull { return }
    reads.append(Read(file: file, byteLimit: isLimited ? bytesLeft : nil))
    // Nothing after a file that may be cut, or its rows would come before the rest of this one.
    bytesLeft = isLimited ? 0 : bytesLeft
    splitsLeft -= 1
  }

  /// The plan, nil when there is nothing to read.
  func plan() -> SourcePlan? {
    if reads.isEmpty { return nil }
    let next = JSON.array(files.map(\.json))
    let splits = reads.enumerated().map { index, read in
      var payload: [JSON.Member] = [
        .init("file", read.file.json), .init("to", read.end.map { .int($0) } ?? .null),
      ]
      if let more = read.more { payload += [.init("then", more.file.json), .init("thenTo", .int(more.end))] }
      if index == 0 { payload.append(.init("next", next)) }
      let key = read.file.key
      return SourceSplit(
        name: read.file.path, payload: .object(payload), byteLimit: read.byteLimit, isFinal: true,
        continuationKey: read.end == nil ? "\(key.device):\(key.inode)" : nil, offset: read.file.offset)
    }
    let isKnown = reads.allSatisfy { $0.end != nil }
    return SourcePlan(
      splits: splits, end: isKnown ? Offset(.dictionary(["version": .int(1), "files": next])) : nil)
  }
}
