import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// Dead letters and late rows of one batch, in the order in which they are written.
struct SideRows {
  private(set) var deadLetters: [RecordBatch] = []
  private(set) var lateRows: [RecordBatch] = []
  private var deadLetterCount: Int64 = 0
  private var lateRowCount: Int64 = 0

  /// The query and batch that rows name.
  struct Stamp {
    var pipeline: String?
    var queryID: String
    var batchID: Int64
    /// Microseconds since the epoch.
    var time: Int64
  }

  /// Where the rows of `count` records go, column by column.
  private struct Columns {
    let builders: [ColumnBuilder]
    let stamp: Stamp
    private var next = 0

    init(_ schema: Schema, _ stamp: Stamp, capacity: Int) {
      builders = schema.types.map { ColumnBuilder($0, capacity: capacity) }
      self.stamp = stamp
    }

    mutating func begin(number: Int64) {
      next = 0
      add(stamp.time)
      add(stamp.pipeline)
      add(stamp.queryID)
      add(stamp.batchID)
      add(number)
    }

    mutating func add(_ value: Int64?) {
      if let value { builders[next].append(raw: value) } else { builders[next].appendNull() }
      next += 1
    }

    mutating func add(_ text: String?) {
      if let text { builders[next].append(string: text) } else { builders[next].appendNull() }
      next += 1
    }

    mutating func add(bytes: UnsafeRawBufferPointer) {
      builders[next].append(bytes: bytes)
      next += 1
    }

    func finish() -> RecordBatch {
      RecordBatch(rowCount: builders[0].count, columns: builders.map { $0.finish() })
    }
  }

  /// Adds a source's bad records.
  mutating func add(_ files: [FileBadRecords], source: String, _ stamp: Stamp) {
    if files.isEmpty { return }
    var columns = Columns(DeadLetter.schema, stamp, capacity: files.reduce(0) { $0 + $1.records.count })
    for file in files {
      file.records.forEach { record, fault, bytes in
        columns.begin(number: deadLetterCount)
        deadLetterCount += 1
        columns.add(DeadLetter.Origin.source.rawValue)
        columns.add(source)
        columns.add(file.name)
        columns.add(record.offset)
        columns.add(record.line.map { $0 + 1 })
        columns.add(fault.code)
        columns.add(fault.message)
        columns.add(fault.column)
        if Self.isText(bytes) {
          columns.add(bytes: bytes)
          columns.add("text")
        } else {
          columns.add(Base64.text(bytes))
          columns.add("base64")
        }
        columns.add(record.length)
      }
    }
    deadLetters.append(columns.finish())
  }

  /// Adds rows that a sink's target refused.
  mutating func add(_ rows: [RejectedRow], sink: String, _ stamp: Stamp) {
    if rows.isEmpty { return }
    var columns = Columns(DeadLetter.schema, stamp, capacity: rows.count)
    for row in rows {
      columns.begin(number: deadLetterCount)
      deadLetterCount += 1
      columns.add(DeadLetter.Origin.sink.rawValue)
      columns.add(sink)
      columns.add(nil as String?)
      columns.add(nil as Int64?)
      columns.add(nil as Int64?)
      columns.add(row.code)
      columns.add(row.message)
      columns.add(row.column)
      columns.add(row.record)
      columns.add("text")
      columns.add(Int64(row.record.utf8.count))
    }
    deadLetters.append(columns.finish())
  }

  /// Adds rows that operators left out as late.
  mutating func add(_ late: [LateRows], _ stamp: Stamp) {
    for part in late {
      var columns = Columns(LateRow.schema, stamp, capacity: part.rows.rowCount)
      let times = part.rows.columns[0].values(as: Int64.self)
      for row in 0..<part.rows.rowCount {
        columns.begin(number: lateRowCount)
        lateRowCount += 1
        columns.add(part.output)
        columns.add(part.operatorName)
        columns.add(Int64(part.operatorID))
        columns.add(part.watermark)
        columns.add(times[part.rows.columns[0].slot(row)])
        columns.add(bytes: part.rows.columns[1].bytes(row))
      }
      lateRows.append(columns.finish())
    }
  }

  /// Whether bytes can stand in a text column: UTF-8 without a NUL.
  private static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
    return ck_utf8_prefix(base, bytes.count) == bytes.count && !bytes.contains(0)
  }
}
