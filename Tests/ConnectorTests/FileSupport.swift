import MillraceColumnar
import MillraceCore
import MillraceFormats

/// A folder that goes away with the test.
final class FileFolder {
  let path = "/tmp/millrace-files-\(UInt64.random(in: 0 ... .max))"
  let files = PosixFileSystem()

  init() throws { try files.createDirectory(path) }
  deinit { try? files.removeTree(path) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = try files.open("\(path)/\(name)", .create)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    try file.close()
  }

  func append(_ name: String, _ bytes: [UInt8]) throws {
    let file = try files.open("\(path)/\(name)", .update)
    let size = try file.status().size
    try bytes.withUnsafeBytes { try file.write($0, at: size) }
    try file.close()
  }

  func rename(_ name: String, _ target: String) throws { try files.rename("\(path)/\(name)", to: "\(path)/\(target)") }

  func read(_ name: String) throws -> [UInt8] {
    let reader = try GzipReader(files.open("\(path)/\(name)", .read))
    defer { reader.close() }
    return try bytes(reader)
  }
}

func gzip(_ text: String) -> [UInt8] {
  let out = ByteBuffer()
  var copy = text
  copy.withUTF8 { GzipCompressor(level: 6).compressMember(UnsafeRawBufferPointer($0), into: out) }
  return Array(out.bytes)
}

func bytes(_ reader: any ByteReader) throws -> [UInt8] {
  var out: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
    if count == 0 { return out }
    out += buffer[..<count]
  }
}

/// Reads a byte source as the engine does: whole records within the limit of each split.
struct ByteDriver {
  let source: any ByteSource
  var offset: Offset?

  init(_ connector: some Connector, _ options: [String: String], _ environment: Environment = .live) throws {
    let fields = connector.spec.sourceFields
    let request = SourceRequest(
      name: "s", options: try Options(options, fields: fields, of: connector.spec.name), environment: environment)
    guard case .bytes(let source) = try connector.makeSource(request) else {
      throw MillraceError("TEST", "not a byte source")
    }
    self.source = source
  }

  /// One batch: the text of each split, or nil.
  mutating func batch(_ limit: ReadLimit = ReadLimit()) throws -> [String]? {
    guard let plan = try source.plan(after: offset, limit: limit) else { return nil }
    return try run(plan)
  }

  mutating func run(_ plan: SourcePlan) throws -> [String] {
    var texts: [String] = []
    var results: [SplitResult] = []
    for split in plan.splits {
      let reader = try source.open(split)
      var all = try bytes(reader)
      reader.close()
      var reachedEnd = true
      if let limit = split.byteLimit, Int64(all.count) > limit {
        let end = all.withUnsafeBytes { LineFraming.recordEnd(in: $0, within: Int(limit)) } ?? all.count
        reachedEnd = end == all.count
        all = Array(all[..<end])
      }
      texts.append(String(decoding: all, as: UTF8.self))
      results.append(SplitResult(bytesConsumed: Int64(all.count), reachedEnd: reachedEnd))
    }
    offset = try source.offset(after: offset, plan: plan, results: results)
    return texts
  }

  mutating func all(_ limit: ReadLimit = ReadLimit()) throws -> [[String]] {
    var batches: [[String]] = []
    while let texts = try batch(limit) { batches.append(texts) }
    return batches
  }
}
