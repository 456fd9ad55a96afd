import MillraceCore
import MillraceFormats

/// What was read of a source.
struct SourceHistory {
  struct Batch {
    var plan: SourcePlan
    var rows: [String]
    var end: Offset

    /// Whether a batch of lines is larger than a limit allows: each part may go beyond it by one line.
    func isOverLimit(bytes: Int) -> Bool {
      guard plan.splits.contains(where: { $0.byteLimit != nil }) else { return false }
      return rows.dropLast(plan.splits.count).reduce(0) { $0 + $1.utf8.count + 1 } > bytes
    }
  }

  var batches: [Batch]
  var rows: [String] { batches.flatMap(\.rows) }
}

extension SourcePlan {
  /// The plan as the commit log gives it back.
  func fromCheckpoint() throws -> SourcePlan {
    var copy = self
    for index in copy.splits.indices { copy.splits[index].payload = try JSON(parsing: splits[index].payload.text) }
    copy.end = try end.map { Offset(try JSON(parsing: $0.json.text)) }
    return copy
  }
}

/// Reads a source as the engine does.
struct SourceLife {
  let kind: SourceKind
  let source: any Source

  init(_ kind: SourceKind) {
    self.kind = kind
    switch kind {
    case .bytes(let source): self.source = source
    case .rows(let source): self.source = source
    case .live, .liveRecords: preconditionFailure("a live source has no plans")
    }
  }

  /// All rows of a plan: lines, or the values of rows as text.
  func read(_ plan: SourcePlan) throws -> (rows: [String], results: [SplitResult]) {
    var rows: [String] = []
    var results: [SplitResult] = []
    for split in plan.splits {
      switch kind {
      case .bytes(let source):
        let (lines, result) = try SourceLife.lines(source, split)
        rows += lines
        results.append(result)
      case .rows(let source):
        let values = try SourceLife.values(source, split, Array(source.schema.fields.indices))
        rows += values.map { "\($0)" }
        results.append(SplitResult(rowCount: Int64(values.count)))
      case .live, .liveRecords: break
      }
    }
    return (rows, results)
  }

  /// The rows of chosen columns.
  func values(_ plan: SourcePlan, columns: [Int]) throws -> [[Value]] {
    guard case .rows(let source) = kind else { return [] }
    return try plan.splits.flatMap { try SourceLife.values(source, $0, columns) }
  }

  /// Most rows that a reader gives at once; 0 for bytes, whose reader fills the engine's buffer.
  func largestPiece(_ plan: SourcePlan) throws -> Int {
    guard case .rows(let source) = kind else { return 0 }
    var largest = 0
    for split in plan.splits {
      let reader = try source.open(split, columns: [])
      defer { reader.close() }
      while let batch = try reader.next() { largest = max(largest, batch.rowCount) }
    }
    return largest
  }

  private static func values(_ source: any RowSource, _ split: SourceSplit, _ columns: [Int]) throws -> [[Value]] {
    let reader = try source.open(split, columns: columns)
    defer { reader.close() }
    var rows: [[Value]] = []
    while let batch = try reader.next() {
      rows += columns.isEmpty ? Array(repeating: [], count: batch.rowCount) : batch.rows()
    }
    return rows
  }

  /// Whole lines within the split's limit, one at least; a last line without its end counts in a final split.
  private static func lines(_ source: any ByteSource, _ split: SourceSplit) throws -> ([String], SplitResult) {
    let reader = try source.open(split)
    defer { reader.close() }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 61)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
      if count == 0 { break }
      guard count <= buffer.count else { throw AcceptanceFault("a reader wrote beyond its buffer") }
      bytes += buffer[..<count]
    }
    if let rules = (source as? any RecordRuleSource)?.recordRules, rules.grouping != nil || rules.encoding != .utf8 {
      return try records(bytes, split, rules)
    }
    var consumed = 0
    var start = 0
    while start < bytes.count {
      let newline = bytes[start...].firstIndex(of: 0x0A)
      guard let end = newline.map({ $0 + 1 }) ?? (split.isFinal ? bytes.count : nil) else { break }
      if let limit = split.byteLimit, end > Int(limit), consumed > 0 { break }
      consumed = end
      start = end
      if let limit = split.byteLimit, end >= Int(limit) { break }
    }
    let text = String(decoding: bytes[..<consumed], as: UTF8.self)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return (
      lines,
      SplitResult(
        bytesConsumed: Int64(consumed), reachedEnd: consumed == bytes.count, rowCount: Int64(lines.count))
    )
  }

  /// The same where records are not simply lines of UTF-8.
  private static func records(
    _ bytes: [UInt8], _ split: SourceSplit, _ rules: RecordRules
  ) throws -> ([String], SplitResult) {
    let splitter = RecordSplitter(rules)
    var consumed = bytes.count
    if let limit = split.byteLimit, limit < bytes.count {
      consumed = try bytes.withUnsafeBytes { all in
        let within = UnsafeRawBufferPointer(rebasing: all[..<Int(limit)])
        return try splitter.lastEnd(in: within) ?? splitter.firstEnd(in: all) ?? all.count
      }
    }
    let buffer = MemoryBuffer(capacity: rules.encoding.decodedCapacity(consumed) + 64)
    let count = bytes[..<consumed].withUnsafeBytes {
      rules.encoding.decode($0, into: buffer.base.assumingMemoryBound(to: UInt8.self))
    }
    var origin = RecordOrigin(name: split.name, offset: split.offset)
    origin.grouping = rules.grouping
    origin.encoding = rules.encoding
    let decoder = try TextDecoding().makeDecoder(columns: [0], filters: [])
    let rows = try decoder.decode(
      UnsafeRawBufferPointer(start: buffer.base, count: count), owner: buffer, origin: origin
    ).rows()
    let records = rows.map { row in if case .string(let text) = row[0] { text } else { "NULL" } }
    return (
      records,
      SplitResult(
        bytesConsumed: Int64(consumed), reachedEnd: consumed == bytes.count, rowCount: Int64(records.count))
    )
  }
}
