import CKernels
import MillraceColumnar
import MillraceCore

/// Columns of formats whose data has names for them, inferred as Spark infers them.
enum FormatInference {
  // MARK: JSON

  /// All members that come in the sample, in the order of their names. With the policy `null` a line that is no JSON object adds the
  /// column for such lines; with `fail` it is an error.
  static func json(_ options: Options, _ sample: SchemaSample, _ policy: BadRecordPolicy) throws -> Schema {
    var all: [String: JSONShape] = [:]
    var hasCorrupt = false
    try forEachLine(sample) { line, origin, offset in
      guard case .object(let members)? = JSONShapeReader.shape(of: line) else {
        if policy == .fail {
          throw MillraceError(
            "MALFORMED_RECORD_IN_PARSING", "a record is no JSON object, and columns are inferred from it",
            hint: "mend the record, or set onBadRecord to skip or null", location: "\(origin.name)@\(offset)")
        }
        hasCorrupt = true
        return
      }
      all.merge(members) { $0.merged(with: $1) }
    }
    if hasCorrupt, policy == .null { all[options.string("columnNameOfCorruptRecord") ?? "_corrupt_record"] = .string }
    let fields = JSONShape.fields(all) ?? []
    if fields.isEmpty { throw SchemaSample.unable("no record has a member") }
    return Schema(fields)
  }

  // MARK: Separated values

  /// Names from the header, or `_c0`, `_c1`, …; types from all values.
  static func separated(_ dialect: CSVDialect, _ options: Options, _ sample: SchemaSample) throws -> Schema {
    guard let first = sample.parts.first(where: { $0.origin.offset == 0 }) ?? sample.parts.first else {
      throw SchemaSample.unable("there is no record")
    }
    let names = try CSVHeader.names(of: first, dialect)
    if names.isEmpty { throw SchemaSample.unable("there is no record") }
    let texts = Schema(names.map { StructField($0, .string) })
    let types = TextTypes(zone: try ZoneOption.zone(options))
    let columns = try columns(
      of: CSVDecoding(schema: texts, dialect: dialect, corruptRecordName: ""), sample, count: names.count)
    return Schema(zip(names, columns).map { StructField($0, types.type(of: $1)) })
  }

  // MARK: Keys and values

  /// All keys that come in the sample, in the order in which they first come.
  static func pairs(_ name: String, _ syntax: PairSyntax, _ options: Options, _ sample: SchemaSample) throws -> Schema {
    var names: [String] = []
    var isFlag: [String: Bool] = [:]
    try forEachLine(sample) { line, _, _ in
      guard let base = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      // A span of 0 would be none, so the line begins behind the place that spans count from.
      var cursor = PairCursor(syntax, RecordText(base - 1, line: ck_span(1, line.count, UInt32(CK_TEXT))))
      while let pair = cursor.next() {
        let key = UnsafeRawBufferPointer(start: base - 1 + ck_span_offset(pair.key), count: ck_span_length(pair.key))
        let text = String(decoding: key, as: UTF8.self)
        if isFlag[text] == nil { names.append(text) }
        isFlag[text] = (isFlag[text] ?? true) && ck_span_kind(pair.value) == CK_TRUE
      }
    }
    if names.isEmpty { throw SchemaSample.unable("no record has a key") }
    let texts = Schema(names.map { StructField($0, .string) })
    let types = TextTypes(zone: try ZoneOption.zone(options))
    let columns = try columns(of: PairDecoding(name, syntax, schema: texts), sample, count: names.count)
    return Schema(
      zip(names, columns).map { StructField($0, isFlag[$0] == true ? .boolean : types.type(of: $1)) })
  }

  // MARK: Parts

  /// The columns of all parts, decoded.
  private static func columns(of decoding: any Decoding, _ sample: SchemaSample, count: Int) throws -> [ColumnVector] {
    let decoder = try decoding.makeDecoder(columns: Array(0..<count), filters: [])
    let batches = try sample.parts.map { try decoder.decode($0.bytes, owner: $0.owner, origin: $0.origin) }
    let filled = batches.filter { $0.rowCount > 0 }
    if filled.isEmpty { return (0..<count).map { _ in ColumnVector.of([], type: .string) } }
    return RecordBatch.concatenated(filled).columns
  }

  /// Calls `body` with each line that has something on it.
  private static func forEachLine(
    _ sample: SchemaSample, _ body: (UnsafeRawBufferPointer, RecordOrigin, Int64) throws -> Void
  ) throws {
    var lines = LineIndex()
    for part in sample.parts {
      try lines.find(in: part.bytes, of: part.origin)
      for line in 0..<lines.count {
        let span = lines.spans.base[line]
        let start = ck_span_offset(span), length = ck_span_length(span)
        let bytes = UnsafeRawBufferPointer(rebasing: part.bytes[start..<start + length])
        if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
        try body(bytes, part.origin, place(start, part))
      }
    }
  }

  private static func place(_ position: Int, _ part: SchemaSample.Part) -> Int64 {
    part.bytes.baseAddress.map { part.origin.place(position, in: $0.assumingMemoryBound(to: UInt8.self)) } ?? 0
  }
}

/// The line that names the columns of a file of separated values.
enum CSVHeader {
  /// Spark's names of the columns: an empty one is `_c` and its number, one that comes again gets its number.
  static func names(of part: SchemaSample.Part, _ dialect: CSVDialect) throws -> [String] {
    let tokens = try tokens(part.bytes, owner: part.owner, dialect)
    guard dialect.hasHeader else { return tokens.indices.map { "_c\($0)" } }
    let lowered = tokens.map { ($0 ?? "").lowercased() }
    return tokens.enumerated().map { index, name in
      guard let name, !name.isEmpty else { return "_c\(index)" }
      return lowered.count { $0 == lowered[index] } > 1 ? "\(name)\(index)" : name
    }
  }

  /// The fields of the first line that has something on it.
  static func tokens(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, _ dialect: CSVDialect) throws -> [String?] {
    var lines = LineIndex()
    try lines.find(in: bytes, of: RecordOrigin(name: "", offset: 0))
    for line in 0..<lines.count {
      let span = lines.spans.base[line]
      let start = ck_span_offset(span), length = ck_span_length(span)
      if length == 0 || (dialect.comment != 0 && bytes[start] == dialect.comment) { continue }
      var plain = dialect
      plain.hasHeader = false
      let text = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
      let most = text.count { $0 == dialect.separator } + 1
      let schema = Schema((0..<most).map { StructField("_c\($0)", .string) })
      let decoder = try CSVDecoding(schema: schema, dialect: plain, corruptRecordName: "").makeDecoder(
        columns: Array(0..<most), filters: [])
      let row = try decoder.decode(text, owner: owner, origin: RecordOrigin(name: "", offset: 0))
      guard row.rowCount == 1 else { return [] }
      let values = row.columns.map { column in
        column.isNull(0) ? nil : String(decoding: column.bytes(0), as: UTF8.self)
      }
      // Separators within quotes are none.
      return Array(values.prefix(fieldCount(text, dialect)))
    }
    return []
  }

  private static func fieldCount(_ text: UnsafeRawBufferPointer, _ dialect: CSVDialect) -> Int {
    var count = 1
    var isQuoted = false, isEscaped = false
    for byte in text {
      if isEscaped {
        isEscaped = false
      } else if isQuoted, dialect.escape != 0, dialect.escape != dialect.quote, byte == dialect.escape {
        isEscaped = true
      } else if dialect.quote != 0, byte == dialect.quote {
        isQuoted.toggle()
      } else if byte == dialect.separator, !isQuoted {
        count += 1
      }
    }
    return count
  }
}
