package import MillraceColumnar
package import MillraceCore

/// The columns that were inferred for a source, kept in the checkpoint so that a later start reads the same ones, whatever has come since.
package struct SchemaPin: Sendable {
  private let directory: String
  private let path: String
  private let checkpoint: String
  private let files: any FileSystem

  /// The pin of a source in a checkpoint.
  package init(checkpoint: String, source: String, files: any FileSystem) {
    self.checkpoint = checkpoint
    directory = "\(checkpoint)/schemas"
    path = "\(directory)/\(Checkpoint.fileName(source)).json"
    self.files = files
  }

  /// The columns as DDL; nil: none were kept yet.
  package func read() throws -> String? {
    guard try files.status(path) != nil else { return nil }
    let bytes = try StateFiles.readAll(files, path)
    let text = String(decoding: bytes.bytes, as: UTF8.self)
    guard let json = try? JSON(parsing: text), json["version"]?.int == 1, let ddl = json["schema"]?.string else {
      throw MillraceError("CHECKPOINT_CORRUPT", "'\(path)' does not name columns", fault: .external)
    }
    return ddl
  }

  /// Keeps columns, durably, unless some are kept already.
  package func keep(_ schema: Schema) throws {
    if try files.status(path) != nil { return }
    try files.createDirectory(directory)
    let file = try files.open("\(path).tmp", .create)
    defer { try? file.close() }
    let json: JSON = .dictionary(["version": .int(1), "schema": .string(schema.ddl)])
    try Array((json.text + "\n").utf8).withUnsafeBytes { try file.write($0, at: 0) }
    try file.sync()
    CrashPoint.pass(CrashPoints.schemaAfterSync)
    try files.rename("\(path).tmp", to: path)
    try files.syncDirectory(directory)
    try files.syncDirectory(checkpoint)
    CrashPoint.pass(CrashPoints.schemaAfterRename)
  }
}
