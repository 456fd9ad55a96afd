import MillraceCore

/// A state store of somebody else's: rows in a dictionary, each version a file of its own. It sees what a plug-in sees.
struct OwnStateStoreConnector: Connector {
  var spec: ConnectorSpec {
    ConnectorSpec(
      name: "whole-files", summary: "State in a file per version.", kinds: [.stateStore],
      stateStoreFields: [OptionField("keep", .integer, "versions to keep", default: "3", range: 2...100)])
  }

  func makeStateStore(_ request: StateStoreRequest) throws -> any StateStoreProvider {
    OwnStateStoreProvider(kept: try request.options.int("keep") ?? 3)
  }
}

struct OwnStateStoreProvider: StateStoreProvider {
  let kept: Int64

  var name: String { "whole-files" }

  func open(
    operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment
  ) throws -> any StateStore {
    OwnStateStore(RowCodec(keyTypes), RowCodec(valueTypes, isCanonical: false), directory, environment.files, kept)
  }
}

final class OwnStateStore: DurableStateStore, @unchecked Sendable {
  private let keyCodec: RowCodec
  private let valueCodec: RowCodec
  private let directory: String?
  private let files: any FileSystem
  private let kept: Int64
  private var rows: [[UInt8]: [UInt8]] = [:]
  private var committed: [[UInt8]: [UInt8]] = [:]

  init(_ keys: RowCodec, _ values: RowCodec, _ directory: String?, _ files: any FileSystem, _ kept: Int64) {
    keyCodec = keys
    valueCodec = values
    self.directory = directory
    self.files = files
    self.kept = kept
  }

  var rowCount: Int { rows.count }
  var memoryBytes: Int { rows.count * 100 }

  private func encoded(_ codec: RowCodec, _ columns: [ColumnVector], _ count: Int) -> [[UInt8]] {
    let bytes = codec.encode(columns, rowCount: count)
    return (0..<count).map { Array(bytes.bytes($0)) }
  }

  func get(keys: [ColumnVector], count: Int) throws -> StateLookup {
    let values = encoded(keyCodec, keys, count).map { rows[$0] }
    let column = ColumnVector.of(values.map { $0.map { .binary($0) } ?? .null }, type: .binary)
    return StateLookup(
      found: .of(values.map { .boolean($0 != nil) }, type: .boolean), values: try valueCodec.decode(column))
  }

  func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws {
    for (key, value) in zip(encoded(keyCodec, keys, count), encoded(valueCodec, values, count)) { rows[key] = value }
  }

  func remove(keys: [ColumnVector], count: Int) throws {
    for key in encoded(keyCodec, keys, count) { rows[key] = nil }
  }

  func scan(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws {
    let sorted = rows.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    if sorted.isEmpty { return }
    try body(
      keyCodec.decode(.of(sorted.map { .binary($0.key) }, type: .binary)),
      valueCodec.decode(.of(sorted.map { .binary($0.value) }, type: .binary)), sorted.count)
  }

  func prepare(version: Int64) throws -> JSON {
    guard let directory else { return .null }
    try files.createDirectory(directory)
    let file = try files.open("\(directory)/\(version)", .create)
    defer { try? file.close() }
    let out = ByteBuffer()
    for (key, value) in rows {
      for part in [key, value] {
        out.append(raw: UInt32(part.count))
        part.withUnsafeBytes { out.append($0) }
      }
    }
    try file.write(out.bytes, at: 0)
    try file.sync()
    try files.syncDirectory(directory)
    try files.remove("\(directory)/\(version - kept)")
    return .int(Int64(out.count))
  }

  func commit(version: Int64) throws { committed = rows }

  func rollback() throws { rows = committed }

  func restore(version: Int64, token: JSON?) throws {
    guard version > 0, let directory else { return }
    let file = try files.open("\(directory)/\(version)", .read)
    let size = Int(token?.int ?? -1)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 0) + 1, alignment: 8)
    defer { bytes.deallocate() }
    guard try file.read(into: bytes, at: 0) == size else {
      throw MillraceError("STATE_CORRUPT", "'\(file.path)' has not \(size) bytes", fault: .external)
    }
    var at = 0
    func next() -> [UInt8] {
      let count = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      defer { at += 4 + count }
      return Array(bytes[(at + 4)..<(at + 4 + count)])
    }
    while at < size {
      let key = next()
      rows[key] = next()
    }
    committed = rows
  }
}
