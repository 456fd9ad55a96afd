import CKernels
import MillraceColumnar
import MillraceCore

/// What container runtimes with the CRI write: `time stream tag message`, where the tag is `F` for a whole line and `P` for a part.
struct CRIScanner: RecordScanner {
  let name = "cri"
  let fields = [
    RecordField("time", .timestamp), RecordField("stream", .string), RecordField("tag", .string),
    RecordField("message", .string),
  ]

  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    guard let time = record.takeWord(), let stream = record.takeWord(), let tag = record.takeWord() else {
      return false
    }
    spans.note(0, time)
    spans.note(1, stream)
    spans.note(2, tag)
    spans.note(3, record.takeRest())
    return true
  }
}

/// Docker's `json-file` logs: `{"log":"message\n","stream":"stdout","time":"…"}`, the message without its newline.
struct DockerDecoding: Decoding {
  let name = "docker"
  let schema: Schema
  private let json: JSONDecoding

  init(badRecords: BadRecordPolicy, corruptColumn: String? = nil) throws {
    let own = [StructField("log", .string), StructField("stream", .string), StructField("time", .timestamp)]
    schema = Schema(own + (corruptColumn.map { [StructField($0, .string)] } ?? []))
    json = try JSONDecoding(schema: schema, badRecords: badRecords, corruptRecordName: corruptColumn ?? "")
  }

  func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    // A filter on the message would compare with the newline.
    DockerDecoder(try json.makeDecoder(columns: columns, filters: filters.filter { $0.column != 0 }), columns)
  }
}

/// Decodes JSON and takes the newline from messages.
private final class DockerDecoder: BadRecordKeeper {
  private let json: any Decoder
  private let columns: [Int]

  init(_ json: any Decoder, _ columns: [Int]) {
    self.json = json
    self.columns = columns
  }

  var badRecordCount: Int64 { json.badRecordCount }
  var keepsBadRecords: Bool { (json as? any BadRecordKeeper)?.keepsBadRecords ?? false }
  var lineCount: Int { (json as? any BadRecordKeeper)?.lineCount ?? 0 }

  func takeBadRecords() -> BadRecords { (json as? any BadRecordKeeper)?.takeBadRecords() ?? BadRecords() }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    let batch = try json.decode(bytes, owner: owner, origin: origin)
    let cut = zip(columns, batch.columns).map { $0 == 0 ? Self.withoutNewlines($1) : $1 }
    return RecordBatch(rowCount: batch.rowCount, columns: cut)
  }

  private static func withoutNewlines(_ column: ColumnVector) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(column.count, 1) * MemoryLayout<StringView>.stride)
    let views = buffer.base.assumingMemoryBound(to: StringView.self)
    for row in 0..<column.count {
      let bytes = column.bytes(row)
      let isEnded = !column.isNull(row) && bytes.last == 0x0A
      views[row] = isEnded ? StringView(bytes, 0..<bytes.count - 1) : column.views[column.slot(row)]
    }
    return ColumnVector(
      type: .string, count: column.count, values: buffer, validity: column.validity, owners: column.owners + [column])
  }
}

extension DecoderFormat {
  /// CRI logs.
  public static let cri = records("cri", "Logs of containers as Kubernetes keeps them: time, stream, tag, message") {
    _ in
    CRIScanner()
  }

  /// Docker's JSON logs.
  public static let docker = DecoderFormat(
    name: "docker", summary: "Docker's json-file logs: log, stream, time",
    fields: FaultHandler.optionFields + [FaultHandler.addedCorruptField]
  ) { options, schema, badRecords in
    let decoding = try DockerDecoding(
      badRecords: FaultHandler.policy(options, badRecords), corruptColumn: options.string("columnNameOfCorruptRecord"))
    try ownColumns("docker", schema, decoding.schema)
    return decoding
  }
}
