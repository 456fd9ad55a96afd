import MillraceColumnar
import MillraceCore
import MillraceFormats
import MillraceSQL

extension PartitionColumns {
  /// The columns that a source's options declare, or those of the folders that it reads where its columns are inferred.
  init(of kind: SourceKind, _ options: Options, isInferred: Bool) throws {
    self.init()
    guard case .bytes(let source as any FileNamingSource) = kind else { return }
    if let declared = options.string(FileSourceSettings.partitionColumns) {
      self = try PartitionColumns(Self.parsed(declared))
    } else if isInferred, let paths = try source.pathsInFolder() {
      self = try .inferred(paths)
    }
  }

  private static func parsed(_ ddl: String) throws -> Schema {
    do {
      return try SQLParser.parseSchema(ddl)
    } catch {
      throw MillraceError(
        "OPTION_WRONG_TYPE",
        "option '\(FileSourceSettings.partitionColumns)' is no list of columns: \(MillraceError(error).message)",
        hint: "write names and types, such as \"date DATE, server STRING\"")
    }
  }

  /// Refuses columns that are there twice, or in the records, too.
  func check(besides records: Schema, of source: String) throws {
    var names = Set(records.names.map { $0.lowercased() })
    guard let both = schema.names.first(where: { !names.insert($0.lowercased()).inserted }) else { return }
    throw MillraceError(
      "PARTITION_COLUMN_CONFLICT",
      "the column '\(both)' of '\(source)', which folders tell, is declared twice or also one of the records'",
      hint: "leave it out of the schema, or out of \(FileSourceSettings.partitionColumns)")
  }
}

extension Schema {
  /// The columns that another schema has not.
  func without(_ other: Schema) -> Schema {
    let names = Set(other.names.map { $0.lowercased() })
    return Schema(fields.filter { !names.contains($0.name.lowercased()) })
  }
}

extension SourceKind {
  /// Whether what is read bears the names of files.
  var namesFiles: Bool { if case .bytes(_ as any FileNamingSource) = self { true } else { false } }
}
