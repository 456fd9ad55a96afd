import MillraceColumnar
import MillraceCore
import MillraceFormats

extension ScanGroup {
  /// Reads the files of a batch merged by event time, all on one worker. Readers of files that are left in the middle stay open.
  func merge(
    _ splits: [SourceSplit], _ replay: ReplaySource, _ state: WorkerState, _ previous: [String: OpenSplit],
    _ shared: Shared
  ) throws {
    for index in splits.indices { shared.ended(index, bytesConsumed: 0, reachedEnd: false) }
    var waiting = previous
    defer { for (_, split) in waiting { split.reader.close() } }
    if splits.isEmpty { return }
    guard case .bytes(let source, let decoding) = binding.input else { return }
    state.task.splitIndex = 0
    state.lane.enter(steps.read)
    // The times are decoded behind the columns that the query reads, unless they are among them.
    let timeIndex = state.columns.firstIndex(of: replay.timeColumn) ?? state.columns.count
    let columns = timeIndex < state.columns.count ? state.columns : state.columns + [replay.timeColumn]
    let rule = ReplayRule(splits)
    let leavesOutTooLarge = binding.badRecords.leavesOutTooLarge
    var storedBefore = [Int64](repeating: 0, count: splits.count)
    let files = FileMerger.Files(
      splits: splits, firstTimes: try splits.map { try replay.firstPlace($0, after: rule.after) },
      makeDecoder: { try decoding.makeDecoder(columns: columns, filters: []) }, timeIndex: timeIndex
    ) { index in
      let begun = splits[index].continuationKey.flatMap { waiting.removeValue(forKey: $0) }
      storedBefore[index] = begun?.storedBytes ?? 0
      return WindowReader(
        try begun?.reader ?? source.open(splits[index]), split: splits[index], leftover: begun?.leftover ?? [],
        pool: state.windows, leavesOutTooLarge: leavesOutTooLarge)
    }
    let merger = try FileMerger(files, rule)
    do {
      try merger.run { batch in
        try feed(batch, state)
        state.lane.enter(steps.read)
      }
    } catch {
      merger.closeAll()
      throw error
    }
    try endSplit(state)
    var next: [String: ReplaySource.FirstTime] = [:]
    for outcome in merger.outcomes {
      let cursor = outcome.cursor, split = cursor.split
      let consumed = outcome.rest?.bytesConsumed ?? cursor.windows.consumed
      let stored = (cursor.windows.reader as? any StoredByteReader)?.storedByteCount
      let storedBytes = stored ?? storedBefore[cursor.index] + consumed
      shared.ended(cursor.index, bytesConsumed: consumed, reachedEnd: outcome.rest == nil)
      shared.count(cursor.index, rows: cursor.rowCount, badRecords: cursor.badRecordCount)
      if state.keeper != nil { shared.keep(cursor.badRecords, of: cursor.index) }
      // They lie before what was given out last, never in what is left for the next batch.
      note(cursor.windows.tooLarge, of: cursor.index, state, shared)
      state.lane.count(steps.read, storedBytes: storedBytes - storedBefore[cursor.index], plainBytes: consumed)
      guard let rest = outcome.rest, let key = split.continuationKey else {
        cursor.windows.reader.close()
        continue
      }
      shared.keep(
        OpenSplit(reader: cursor.windows.reader, leftover: rest.leftover, storedBytes: storedBytes), key)
      next[key] = cursor.nextTime.map {
        ReplaySource.FirstTime(offset: split.offset + consumed, place: $0, instant: $0)
      }
    }
    // Files of the plan whose turn did not come keep the readers that they have.
    for split in splits {
      if let key = split.continuationKey, let kept = waiting.removeValue(forKey: key) { shared.keep(kept, key) }
    }
    replay.merged(to: merger.lastTime, next: next)
  }
}
