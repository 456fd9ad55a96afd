import MillraceColumnar
public import MillraceCore

/// A decoding whose rows can also tell what file they are from. Costs nothing where no query asks for that.
public struct FileMetadataDecoding: Decoding {
  private let base: any Decoding
  private let files: any FileSystem

  /// Adds the column `_metadata` behind those of `base`.
  public init(_ base: any Decoding, _ files: any FileSystem) {
    self.base = base
    self.files = files
  }

  /// The name of what it adds to.
  public var name: String { base.name }
  /// The columns of the decoding, then `_metadata`.
  public var schema: Schema {
    Schema(base.schema.fields + [StructField(FileMetadata.columnName, FileMetadata.type, isNullable: false)])
  }

  /// The decoder itself where only its columns are asked for.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    let count = base.schema.fields.count
    let own = columns.filter { $0 < count }
    let decoder = try base.makeDecoder(columns: own, filters: filters.filter { $0.column < count })
    if own.count == columns.count { return decoder }
    return FileMetadataDecoder(decoder, place: columns.firstIndex(of: count) ?? own.count, files)
  }
}

/// Puts the column among those of a decoder. All bytes of a call are from one file.
private final class FileMetadataDecoder: BadRecordKeeper {
  private let decoder: any Decoder
  /// The decoder, where it keeps bad records.
  private let keeper: (any BadRecordKeeper)?
  /// Position of the column.
  private let place: Int
  private let files: any FileSystem
  /// The file of the last call.
  private var file: (name: String, value: Value)?

  init(_ decoder: any Decoder, place: Int, _ files: any FileSystem) {
    self.decoder = decoder
    keeper = decoder as? any BadRecordKeeper
    self.place = place
    self.files = files
  }

  var badRecordCount: Int64 { decoder.badRecordCount }
  var keepsBadRecords: Bool { keeper?.keepsBadRecords == true }
  var lineCount: Int { keeper?.lineCount ?? 0 }
  func takeBadRecords() -> BadRecords { keeper?.takeBadRecords() ?? BadRecords() }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    let batch = try decoder.decode(bytes, owner: owner, origin: origin)
    var columns = batch.columns
    let value = try metadata(of: origin.name)
    columns.insert(.constant(value, type: FileMetadata.type, count: batch.rowCount), at: place)
    return RecordBatch(rowCount: batch.rowCount, columns: columns)
  }

  private func metadata(of name: String) throws -> Value {
    if let file, file.name == name { return file.value }
    let value = FileMetadata.value(path: name, try files.status(name))
    file = (name, value)
    return value
  }
}
