import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

/// `input_file_name` and its kin: what `_metadata` tells, in the words that Spark had before.
extension ExpressionResolver {
  /// The call, over the file of the only scan below; what the functions give where there is none otherwise.
  func fileFunction(_ function: FunctionCall, _ name: String) throws -> Expression {
    let ofNoFile = try call(name, try function.arguments.compactMap(\.expression).map { try resolve($0) })
    var files: [Attribute] = []
    for column in scope.columns + scope.hidden
    where column.name == FileMetadata.columnName && column.type == FileMetadata.type && !files.contains(column) {
      files.append(column)
    }
    if files.count > 1 {
      throw MillraceError(
        "MULTI_SOURCES_UNSUPPORTED_FOR_EXPRESSION", "`\(name)` cannot tell which of \(files.count) sources is meant",
        hint: "name the column `_metadata` of one of them, as in t._metadata.file_path")
    }
    guard let file = files.first else { return ofNoFile }
    func field(_ field: String) throws -> Expression {
      try CollectionAccess.fieldAccess(.attribute(file), field, analyzer.context)
    }
    switch name {
    case "input_file_name":
      // The same path, with the empty host that Spark writes here.
      let path = try call("substring", [field("file_path"), .literal(.integer(6), .integer)])
      return try call("concat", [.literal(.string("file://"), .string), path])
    case "input_file_block_start": return try call("coalesce", [field("file_block_start"), ofNoFile])
    default: return try call("coalesce", [field("file_block_length"), ofNoFile])
    }
  }
}
