/// What a streaming query must give, computed the plain way: rows are kept one by one and looked at again in each batch.
///
/// Times are in seconds. A model knows nothing of stores, columns, indexes or restarts.
protocol StreamModel {
  /// The rows of a batch as text, in no order. `late`: what ended at or before it comes too late; `watermark`: what ended at or
  /// before it goes.
  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String]
}

enum ModelMode: String { case append, update, complete }

/// `SELECT w.start, k, count(*), sum(v) GROUP BY window(ts, length, slide), k`
struct WindowModel: StreamModel {
  let mode: ModelMode
  let length: Int64
  let slide: Int64
  private struct Group: Hashable { var start: Int64, key: Int64? }
  private var groups: [Group: (count: Int64, sum: Int64)] = [:]

  init(mode: ModelMode, length: Int64, slide: Int64) {
    self.mode = mode
    self.length = length
    self.slide = slide
  }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    var changed: Set<Group> = []
    for row in a {
      var start = row.time - row.time % slide
      while start + length > row.time {
        if mode == .complete || start + length > late {
          let group = Group(start: start, key: row.key)
          let old = groups[group] ?? (0, 0)
          groups[group] = (old.count + 1, old.sum + row.number)
          changed.insert(group)
        }
        start -= slide
      }
    }
    let ended = groups.keys.filter { $0.start + length <= watermark }
    let shown: [Group] =
      switch mode {
      case .append: ended
      case .update: Array(changed)
      case .complete: Array(groups.keys)
      }
    let rows = shown.map { "\($0.start) \(ScriptRow.text($0.key)) \(groups[$0]!.count) \(groups[$0]!.sum)" }
    if mode != .complete { for group in ended { groups[group] = nil } }
    return rows
  }
}

/// `SELECT k, count(*), sum(v) GROUP BY k`
struct KeyModel: StreamModel {
  let mode: ModelMode
  private var groups: [Int64?: (count: Int64, sum: Int64)] = [:]

  init(mode: ModelMode) { self.mode = mode }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    for row in a {
      let old = groups[row.key] ?? (0, 0)
      groups[row.key] = (old.count + 1, old.sum + row.number)
    }
    let shown = mode == .update ? Set(a.map(\.key)) : Set(groups.keys)
    return shown.map { "\(ScriptRow.text($0)) \(groups[$0]!.count) \(groups[$0]!.sum)" }
  }
}

/// `SELECT s.start, s.end, k, count(*), sum(v) GROUP BY session_window(ts, gap), k`
struct SessionModel: StreamModel {
  let mode: ModelMode
  let gap: Int64
  private struct Session: Hashable { var start: Int64, end: Int64, key: Int64?, count: Int64, sum: Int64 }
  private var sessions: [Session] = []

  init(mode: ModelMode, gap: Int64) {
    self.mode = mode
    self.gap = gap
  }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    var changed: Set<Session> = []
    for row in a where row.time + gap > late {
      var new = Session(start: row.time, end: row.time + gap, key: row.key, count: 1, sum: row.number)
      for old in sessions where old.key == row.key && old.start <= new.end && new.start <= old.end {
        new.start = min(new.start, old.start)
        new.end = max(new.end, old.end)
        new.count += old.count
        new.sum += old.sum
        changed.remove(old)
        sessions.removeAll { $0 == old }
      }
      sessions.append(new)
      changed.insert(new)
    }
    let ended = sessions.filter { $0.end <= watermark }
    let shown =
      switch mode {
      case .append: ended
      case .update: Array(changed)
      case .complete: sessions
      }
    if mode != .complete { sessions.removeAll { $0.end <= watermark } }
    return shown.map { "\($0.start) \($0.end) \(ScriptRow.text($0.key)) \($0.count) \($0.sum)" }
  }
}

/// The first row of each key, by `k` or by `k` and `ts`, or within the watermark's delay.
struct DeduplicateModel: StreamModel {
  enum Kind { case key, keyAndTime, withinWatermark }
  let kind: Kind
  let delay: Int64
  private struct Key: Hashable { var key: Int64?, time: Int64 }
  private var seen: [Key: Int64] = [:]

  init(_ kind: Kind, delay: Int64) {
    self.kind = kind
    self.delay = delay
  }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    var rows: [String] = []
    for row in a where row.time > late {
      let key = Key(key: row.key, time: kind == .keyAndTime ? row.time : 0)
      if seen[key] != nil { continue }
      seen[key] = row.time
      rows.append(row.text)
    }
    switch kind {
    case .key: break
    case .keyAndTime: seen = seen.filter { $0.value > watermark }
    case .withinWatermark: seen = seen.filter { $0.value + delay > watermark }
    }
    return rows
  }
}

/// `a JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts - before AND a.ts + after`, of any kind.
struct JoinModel: StreamModel {
  enum Kind: String, CaseIterable {
    case inner = "INNER", left = "LEFT", right = "RIGHT", full = "FULL", semi = "LEFT SEMI", anti = "LEFT ANTI"
  }

  let kind: Kind
  let before: Int64
  let after: Int64
  /// All rows that ever came in time, whether they found a partner, and whether they were done with.
  private var left: [(row: ScriptRow, isMatched: Bool, isDone: Bool)] = []
  private var right: [(row: ScriptRow, isMatched: Bool, isDone: Bool)] = []

  init(_ kind: Kind, before: Int64, after: Int64) {
    self.kind = kind
    self.before = before
    self.after = after
  }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    let oldLeft = left.count, oldRight = right.count
    left += a.filter { $0.time > late }.map { ($0, false, false) }
    right += b.filter { $0.time > late }.map { ($0, false, false) }
    var rows: [String] = []
    for l in left.indices {
      for r in right.indices where l >= oldLeft || r >= oldRight {
        let one = left[l].row, other = right[r].row
        guard let key = one.key, key == other.key, other.time >= one.time - before, other.time <= one.time + after
        else { continue }
        if kind == .semi && !left[l].isMatched { rows.append(one.text) }
        if kind != .semi && kind != .anti { rows.append("\(one.text) \(other.text)") }
        left[l].isMatched = true
        right[r].isMatched = true
      }
    }
    for l in left.indices where !left[l].isDone && left[l].row.time + after < watermark {
      left[l].isDone = true
      if left[l].isMatched { continue }
      if kind == .anti { rows.append(left[l].row.text) }
      if kind == .left || kind == .full { rows.append("\(left[l].row.text) NULL NULL NULL") }
    }
    for r in right.indices where !right[r].isDone && right[r].row.time + before < watermark {
      right[r].isDone = true
      if right[r].isMatched { continue }
      if kind == .right || kind == .full { rows.append("NULL NULL NULL \(right[r].row.text)") }
    }
    return rows
  }
}

/// Windows of windows: what the inner windows give is counted again in longer ones.
struct ChainModel: StreamModel {
  private var inner: WindowModel
  let length: Int64
  private var groups: [Int64: (windows: Int64, rows: Int64)] = [:]

  init(inner: Int64, outer: Int64) {
    self.inner = WindowModel(mode: .append, length: inner, slide: inner)
    innerLength = inner
    length = outer
  }

  private let innerLength: Int64

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    for text in inner.batch(a, b, late: late, watermark: watermark) {
      let cells = text.split(separator: " ")
      // window_time is a microsecond before the end.
      let time = Int64(cells[0])! + innerLength - 1
      let old = groups[time - time % length] ?? (0, 0)
      groups[time - time % length] = (old.windows + 1, old.rows + Int64(cells[2])!)
    }
    let ended = groups.filter { $0.key + length <= watermark }
    for start in ended.keys { groups[start] = nil }
    return ended.map { "\($0.key) \($0.value.windows) \($0.value.rows)" }
  }
}

/// Rows pass a deduplication before they are counted.
struct DeduplicatedWindowModel: StreamModel {
  private var first: DeduplicateModel
  private var windows: WindowModel

  init(mode: ModelMode, length: Int64, delay: Int64) {
    first = DeduplicateModel(.keyAndTime, delay: delay)
    windows = WindowModel(mode: mode, length: length, slide: length)
  }

  mutating func batch(_ a: [ScriptRow], _ b: [ScriptRow], late: Int64, watermark: Int64) -> [String] {
    let rows = first.batch(a, b, late: late, watermark: watermark).map { text in
      let cells = text.split(separator: " ")
      return ScriptRow(time: Int64(cells[0])!, key: Int64(cells[1]), number: Int64(cells[2])!)
    }
    return windows.batch(rows, [], late: late, watermark: watermark)
  }
}
