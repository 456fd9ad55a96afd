import MillraceColumnar
public import MillraceCore

/// A decoding whose rows can also tell about the file that they are from: what its folders name, and `_metadata`. Costs nothing where no query
/// asks for that.
public struct FileColumnsDecoding: Decoding {
  private let base: any Decoding
  private let partitions: PartitionColumns
  private let hasMetadata: Bool
  private let outside: String?
  private let files: any FileSystem

  /// Adds the columns of folders behind those of `base`, and `_metadata` behind them. Below the folder `outside` there are no files of the source, but
  /// records of it that are read again: what their folders told is NULL.
  public init(
    _ base: any Decoding, partitions: PartitionColumns = PartitionColumns(), hasMetadata: Bool = true,
    outside: String? = nil, _ files: any FileSystem
  ) {
    self.base = base
    self.partitions = partitions
    self.hasMetadata = hasMetadata
    self.outside = outside
    self.files = files
  }

  /// The name of what it adds to.
  public var name: String { base.name }
  /// The columns of the decoding, those of folders, then `_metadata`.
  public var schema: Schema { Schema(base.schema.fields + fileFields) }

  private var fileFields: [StructField] {
    let metadata = StructField(FileMetadata.columnName, FileMetadata.type, isNullable: false)
    return partitions.schema.fields + (hasMetadata ? [metadata] : [])
  }

  /// The decoder itself where only its columns are asked for.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    let count = base.schema.fields.count
    let own = columns.filter { $0 < count }
    let decoder = try base.makeDecoder(columns: own, filters: filters.filter { $0.column < count })
    return own.count == columns.count ? decoder : FileColumnsDecoder(decoder, self, columns)
  }

  /// Whether a column is the same in all rows of a file, and told by its path.
  package func isOfFile(_ column: Int) -> Bool { column >= base.schema.fields.count }

  /// Whether a column is the same in all files of a folder, too.
  package func isOfFolder(_ column: Int) -> Bool { isOfFile(column) && !isMetadata(column) }

  private func isMetadata(_ column: Int) -> Bool {
    column == base.schema.fields.count + partitions.schema.fields.count
  }

  /// One row with the columns of the file at `path` for which `isOfFile` holds.
  package func row(of path: String, _ columns: [Int]) throws -> RecordBatch {
    let values = try values(of: path, columns)
    return RecordBatch(rowCount: 1, columns: zip(columns, values).map { column($0, $1, count: 1) })
  }

  /// The values of columns for which `isOfFile` holds.
  fileprivate func values(of path: String, _ columns: [Int]) throws -> [Value] {
    let first = base.schema.fields.count
    var told: [Value] = []
    if columns.contains(where: isOfFolder) {
      let isOutside = outside.map { path.hasPrefix($0 + "/") } ?? false
      told = isOutside ? partitions.schema.fields.map { _ in .null } : try partitions.values(of: path)
    }
    return try columns.map { column in
      isMetadata(column) ? FileMetadata.value(path: path, try files.status(path)) : told[column - first]
    }
  }

  fileprivate func column(_ column: Int, _ value: Value, count: Int) -> ColumnVector {
    .constant(value, type: fileFields[column - base.schema.fields.count].type, count: count)
  }
}

/// Puts the columns of files among those of a decoder. All bytes of a call are from one file.
private final class FileColumnsDecoder: BadRecordKeeper {
  private let decoder: any Decoder
  /// The decoder, where it keeps bad records.
  private let keeper: (any BadRecordKeeper)?
  private let decoding: FileColumnsDecoding
  private let columns: [Int]
  /// Those of files among them.
  private let ofFile: [Int]
  /// The file of the last call.
  private var file: (name: String, values: [Value])?

  init(_ decoder: any Decoder, _ decoding: FileColumnsDecoding, _ columns: [Int]) {
    self.decoder = decoder
    keeper = decoder as? any BadRecordKeeper
    self.decoding = decoding
    self.columns = columns
    ofFile = columns.filter(decoding.isOfFile)
  }

  var badRecordCount: Int64 { decoder.badRecordCount }
  var keepsBadRecords: Bool { keeper?.keepsBadRecords == true }
  var lineCount: Int { keeper?.lineCount ?? 0 }
  func takeBadRecords() -> BadRecords { keeper?.takeBadRecords() ?? BadRecords() }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    let batch = try decoder.decode(bytes, owner: owner, origin: origin)
    var told = zip(ofFile, try values(of: origin.name)).map { decoding.column($0, $1, count: batch.rowCount) }[...]
    var decoded = batch.columns[...]
    let all = columns.map { decoding.isOfFile($0) ? told.removeFirst() : decoded.removeFirst() }
    return RecordBatch(rowCount: batch.rowCount, columns: all)
  }

  private func values(of name: String) throws -> [Value] {
    if let file, file.name == name { return file.values }
    let values = try decoding.values(of: name, ofFile)
    file = (name, values)
    return values
  }
}
