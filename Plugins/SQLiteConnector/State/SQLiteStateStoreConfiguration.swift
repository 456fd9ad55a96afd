import MillraceCore

/// The options of the state store.
struct SQLiteStateStoreConfiguration: Sendable {
  static let fields: [OptionField] = [
    OptionField(
      "cacheSize", .byteCount, "Memory for pages of each partition's database; a grouping has four partitions.",
      default: "64 MiB", range: (1 << 20)...(64 << 30)),
    OptionField(
      "minVersionsToRetain", .integer, "How many versions can be read afterwards, and gone back to.", default: "10",
      range: 2...10_000),
    OptionField(
      "verify", .choice(["start", "read"]),
      "When damage is looked for: `start` reads all rows when the query starts, `read` checks each row when it is used and does not find out that one is gone.",
      default: "start"),
  ]

  /// Bytes of the page cache of a database.
  let cacheSize: Int64
  /// How many versions are kept, the last one included.
  let retained: Int64
  /// Whether all rows are read and compared with their fingerprint when the query starts.
  let verifiesAtStart: Bool

  init(_ options: Options) throws {
    cacheSize = try options.byteCount("cacheSize") ?? 64 << 20
    retained = try options.int("minVersionsToRetain") ?? 10
    verifiesAtStart = options.string("verify") != "read"
  }
}

/// Makes stores with a database each, and readers of what they hold.
struct SQLiteStateStoreProvider: StateStoreProvider {
  let configuration: SQLiteStateStoreConfiguration

  var name: String { "sqlite" }

  static func path(_ directory: String) -> String { "\(directory)/state.db" }

  func open(
    operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment
  ) throws -> any StateStore {
    SQLiteStateStore(
      keyTypes: keyTypes, valueTypes: valueTypes, directory: directory, configuration, files: environment.files)
  }

  func reader(keyTypes: [DataType], valueTypes: [DataType], directory: String, environment: Environment) throws
    -> (any StateReader)?
  {
    let path = Self.path(directory)
    let exists = try environment.files.status(path) != nil
    return SQLiteStateReader(exists ? path : nil, keyTypes: keyTypes, valueTypes: valueTypes)
  }
}
