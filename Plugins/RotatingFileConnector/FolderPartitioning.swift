import MillraceCore

/// Which folder, and which span of event time, a row belongs to.
struct FolderPartitioning: Sendable {
  /// Spans of event time.
  struct EventTime: Sendable {
    var column: Int
    /// Microseconds.
    var interval: Int64
    var delay: Int64
    /// The zone whose days are divided; nil for times that have none.
    var zone: TimeZoneRules?
  }

  /// A column that names a folder.
  struct FolderColumn: Sendable {
    var index: Int
    var name: String
    var type: DataType
  }

  var folders: [FolderColumn]
  var eventTime: EventTime?
  let zone: TimeZoneRules
  /// Columns that are written, by position.
  let written: [Int]

  /// What options ask for; nil if they ask for neither.
  init?(_ options: Options, schema: Schema, zone: TimeZoneRules) throws {
    folders = try options.list("partitionBy").filter { !$0.isEmpty }.map { name in
      let index = try Self.index(of: name, in: schema, "partitionBy")
      let field = schema.fields[index]
      if field.type.isNested || [.calendarInterval, .binary, .variant].contains(field.type) {
        throw MillraceError(
          "INVALID_PARTITION_COLUMN_DATA_TYPE", "column '\(field.name)' of type \(field.type) cannot name a folder",
          hint: "partition by a number, a string or a date")
      }
      return FolderColumn(index: index, name: field.name, type: field.type)
    }
    let dropped = Set(folders.map(\.index))
    if dropped.count < folders.count {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "'partitionBy' names a column twice", hint: "name each column once")
    }
    self.zone = zone
    written = schema.fields.indices.filter { !dropped.contains($0) }
    if written.isEmpty && !dropped.isEmpty {
      throw MillraceError(
        "ALL_PARTITION_COLUMNS_NOT_ALLOWED", "'partitionBy' leaves no column to write",
        hint: "select another column, or partition by fewer")
    }
    if let name = options.string("eventTimeColumn") {
      let index = try Self.index(of: name, in: schema, "eventTimeColumn")
      let type = schema.fields[index].type
      guard type == .timestamp || type == .timestampNTZ else {
        throw MillraceError(
          "OPTION_OUT_OF_RANGE", "'eventTimeColumn' is '\(name)', which is of type \(type)",
          hint: "it takes a column of type TIMESTAMP or TIMESTAMP_NTZ")
      }
      let interval = try options.duration("eventTimeInterval") ?? 3_600_000_000
      try RollPolicy.checkDividesDay(interval, "eventTimeInterval")
      eventTime = EventTime(
        column: index, interval: interval, delay: try options.duration("eventTimeDelay") ?? 600_000_000,
        zone: type == .timestamp ? zone : nil)
    }
    if folders.isEmpty && eventTime == nil { return nil }
  }

  /// As Spark, names are found whatever their case.
  private static func index(of name: String, in schema: Schema, _ option: String) throws -> Int {
    if let index = schema.names.firstIndex(where: { $0.lowercased() == name.lowercased() }) { return index }
    throw MillraceError(
      "UNRESOLVED_COLUMN", "'\(option)' names the column '\(name)', which the rows do not have",
      hint: NearestName.of(name, among: schema.names).map { "did you mean '\($0)'?" }
        ?? "columns are: \(schema.names.joined(separator: ", "))")
  }
}

/// A folder and a span, as a block's partition says them.
struct PartitionKey: Hashable {
  /// Path below the sink's folder; empty without `partitionBy`.
  var folder: String
  /// Start of the span in microseconds of the local clock; nil without spans, and for rows whose time is NULL.
  var span: Int64?

  /// A byte that no folder's name has stands between the two.
  private static let mark: Character = "\u{1}"

  var text: String { span.map { "\(folder)\(Self.mark)\($0)" } ?? folder }

  init(folder: String, span: Int64?) {
    self.folder = folder
    self.span = span
  }

  init(_ text: String) {
    guard let at = text.firstIndex(of: Self.mark) else {
      self.init(folder: text, span: nil)
      return
    }
    self.init(folder: String(text[..<at]), span: Int64(text[text.index(after: at)...]))
  }
}

/// Numbers the folders and spans of rows.
final class FolderPartitioner: RowPartitioner {
  private let partitioning: FolderPartitioning
  private let groups: GroupTable
  private let texts: [CellText]

  init(_ partitioning: FolderPartitioning) {
    self.partitioning = partitioning
    let spans: [DataType] = partitioning.eventTime == nil ? [] : [.long]
    groups = GroupTable(keyTypes: partitioning.folders.map(\.type) + spans)
    let zone = partitioning.zone
    texts = partitioning.folders.map { CellText($0.type, local: { zone.local(fromUTC: $0) }) }
  }

  var writtenColumns: [Int] { partitioning.written }

  func partition(_ batch: RecordBatch, into numbers: UnsafeMutablePointer<UInt32>) throws {
    var keys = partitioning.folders.map { batch.columns[$0.index] }
    if let eventTime = partitioning.eventTime { keys.append(spans(batch.columns[eventTime.column], eventTime)) }
    groups.findOrInsert(keys, count: batch.rowCount, into: numbers)
  }

  private func spans(_ times: ColumnVector, _ eventTime: FolderPartitioning.EventTime) -> ColumnVector {
    let builder = ColumnBuilder(.long, capacity: times.count)
    let values = times.values(as: Int64.self)
    for row in 0..<times.count {
      if times.isNull(row) {
        builder.appendNull()
        continue
      }
      let time = values[times.slot(row)]
      let local = eventTime.zone?.local(fromUTC: time) ?? time
      builder.append(raw: local.floored(by: eventTime.interval) &* eventTime.interval)
    }
    return builder.finish()
  }

  func name(_ number: Int) throws -> String {
    let values = groups.keyColumns(number..<number + 1)
    let folders = partitioning.folders.indices.map { index in
      let value = values[index].isNull(0) ? nil : texts[index].string(values[index], 0)
      return PartitionPath.name(partitioning.folders[index].name, value)
    }
    var key = PartitionKey(folder: folders.joined(separator: "/"), span: nil)
    if partitioning.eventTime != nil, let span = values.last, !span.isNull(0) {
      key.span = span.values(as: Int64.self)[span.slot(0)]
    }
    return key.text
  }

  func reset() { groups.removeAll() }
}
