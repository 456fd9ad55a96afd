public import MillraceColumnar
import MillraceCore
import MillraceExpressions

/// Columns whose values are told by the folders in which files lie, as Hive and Spark name them: `date=2026-01-31/host=a/app.log.gz`.
public struct PartitionColumns: Sendable {
  /// The value in the folder's name of a NULL or an empty string, as Hive writes it.
  public static let none = "__HIVE_DEFAULT_PARTITION__"
  private static let text = Attribute("value", .string)

  /// The columns, each nullable, in their order.
  public let schema: Schema
  /// What turns the text of a value into the column's type; nil for STRING.
  private let casts: [Evaluator?]

  /// None.
  public init() {
    schema = Schema()
    casts = []
  }

  /// Columns of these types. Throws `PARTITION_COLUMN_TYPE` for one that no folder can name: nested types, BINARY, intervals, and TIMESTAMP, whose
  /// text means different times in different zones.
  public init(_ schema: Schema) throws {
    self.schema = Schema(schema.fields.map { StructField($0.name, $0.type) })
    casts = try schema.fields.map { field in
      switch field.type {
      case .string: return nil
      case .boolean, .byte, .short, .integer, .long, .float, .double, .decimal, .date, .timestampNTZ:
        let cast = try Cast.bind(.attribute(Self.text), to: field.type, isTry: true, context: BindingContext())
        return try Evaluator([cast], input: [Self.text])
      default:
        throw MillraceError(
          "PARTITION_COLUMN_TYPE", "the partition column '\(field.name)' cannot be \(field.type.sql)",
          hint: "declare it as STRING, a number, BOOLEAN, DATE or TIMESTAMP_NTZ")
      }
    }
  }

  /// The columns that the folders of `paths` name, in their order: INT, BIGINT, DOUBLE or DATE where all values are such, else STRING, as
  /// Spark infers them. Throws `PARTITION_NOT_IN_PATH` where paths name different ones.
  public static func inferred(_ paths: [String]) throws -> PartitionColumns {
    guard let first = paths.first else { return PartitionColumns() }
    let candidates = [DataType.integer, .long, .double, .date].map { type in
      (type: type, columns: try? PartitionColumns(Schema([StructField("value", type)])))
    }
    let named = paths.map { folders(of: $0) }
    let names = named[0].map { $0.name.lowercased() }
    if let other = named.firstIndex(where: { $0.map { $0.name.lowercased() } != names }) {
      throw MillraceError(
        "PARTITION_NOT_IN_PATH", "the folders of '\(first)' and '\(paths[other])' name different partition columns",
        hint: "read them by different paths, or declare the columns that all have in partitionColumns")
    }
    let fields = named[0].indices.map { place in
      let name = named[0][place].name
      let distinct = Set(named.map { $0[place].value }.filter { $0 != none })
      let fitting = candidates.first { candidate in
        !distinct.isEmpty && distinct.allSatisfy { (try? candidate.columns?.value($0, 0)) ?? .null != .null }
      }
      return StructField(name, fitting?.type ?? .string)
    }
    return try PartitionColumns(Schema(fields))
  }

  /// The values of a file's columns. Throws `PARTITION_NOT_IN_PATH` where no folder of the path names a column, and
  /// `PARTITION_VALUE_INVALID` where its value is not of the column's type.
  func values(of path: String) throws -> [Value] {
    if schema.fields.isEmpty { return [] }
    let folders = Self.folders(of: path)
    return try schema.fields.indices.map { index in
      let name = schema.fields[index].name
      guard let folder = folders.last(where: { Self.isSame($0.name, name) }) else {
        throw MillraceError(
          "PARTITION_NOT_IN_PATH", "no folder of '\(path)' names the partition column '\(name)'",
          hint: "it is read from a folder such as '\(name)=…': leave other files out by the path")
      }
      if folder.value == Self.none { return .null }
      let value = try value(folder.value, index)
      if value == .null {
        throw MillraceError(
          "PARTITION_VALUE_INVALID",
          "'\(folder.value)' in '\(path)' is no \(schema.fields[index].type.sql), as the partition column '\(name)' is declared",
          hint: "declare it as STRING, or rename the folder")
      }
      return value
    }
  }

  private func value(_ text: String, _ index: Int) throws -> Value {
    guard let cast = casts[index] else { return .string(text) }
    let row = RecordBatch(rowCount: 1, columns: [.constant(.string(text), type: .string, count: 1)])
    return try cast.evaluate(row, EvaluationContext())[0].value(0)
  }

  private static func isSame(_ left: String, _ right: String) -> Bool { left.lowercased() == right.lowercased() }

  /// Names and values of the folders in a path, from the outermost.
  private static func folders(of path: String) -> [(name: String, value: String)] {
    path.split(separator: "/").dropLast().compactMap { part in
      guard let sign = part.firstIndex(of: "="), sign != part.startIndex else { return nil }
      return (unescaped(part[..<sign]), unescaped(part[part.index(after: sign)...]))
    }
  }

  /// `%` and two hexadecimal digits as the byte that they stand for.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2).compactMap { HexDigit.value($0) }
      if byte == UInt8(ascii: "%"), digits.count == 2 {
        bytes.append(digits[0] << 4 | digits[1])
        rest.removeFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
