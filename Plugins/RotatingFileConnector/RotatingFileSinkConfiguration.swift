import MillraceCore

/// The options of a sink.
struct RotatingFileSinkConfiguration: Sendable {
  var name: RotatingFileName
  var roll: RollPolicy
  var partitioning: FolderPartitioning?
  var compression: FileCompression
  /// Of gzip, in zlib's scale.
  var level: Int
  /// Plain bytes.
  var memberSize: Int64
  var retention: RetentionPolicy
  var sync: SyncPolicy
  /// Files that are open for more rows at once.
  var maxOpenFiles: Int
  /// Whether `path` is a link to the newest file.
  var hasLink: Bool

  /// How the bytes of a file are stored.
  enum FileCompression: Sendable, Hashable {
    case none
    /// As they are written.
    case gzip
    /// When the file is done; until then it is plain.
    case onRotation
  }

  /// When the disk is waited for.
  enum SyncPolicy: String, Sendable, CaseIterable {
    case commit, rotation, never
  }

  static let fields: [OptionField] = [
    OptionField(
      "path", .path,
      "Name of the files; with numbered names a number is put in front of the extension: 'out/app.log' gives "
        + "'out/app.000001.log'.",
      isRequired: true, example: "out/errors.log"),
    OptionField(
      "naming", .choice(RotatingFileName.Scheme.allCases.map(\.rawValue)),
      "numbered: 'app.000001.log', a file keeps its name for ever. dated: 'app-2024-01-31.000001.log'. logrotate: 'app.log' is the "
        + "newest, 'app.log.1' the one before.", default: "numbered"),
    OptionField(
      "maxFileBytes", .byteCount, "Size at which the next file is begun.", default: "128 MiB", range: 1...1 << 50),
    OptionField("maxFileRows", .integer, "Most rows of a file. Default: no limit.", range: 1...1 << 50),
    OptionField(
      "rollInterval", .duration, "Age at which the next file is begun. Default: no limit.", range: 1000...1 << 55,
      example: "1 hour"),
    OptionField(
      "rollEvery", .duration,
      "Begins the next file when the clock of 'timeZone' passes a multiple of this after midnight: '1 day' at midnight, '15 minutes' at "
        + "each quarter. It divides a day. Default: not.", range: 1_000_000...86_400_000_000, example: "1 day"),
    OptionField(
      "rollIdle", .duration, "Begins the next file where so long no row came. Default: not.", range: 1000...1 << 55,
      example: "5 minutes"),
    OptionField(
      "eventTimeColumn", .string,
      "A column of times; each file has the rows of one span of 'eventTimeInterval' only. Default: none.",
      example: "time"),
    OptionField(
      "eventTimeInterval", .duration, "Length of the spans of 'eventTimeColumn'. It divides a day.", default: "1 hour",
      range: 1_000_000...86_400_000_000),
    OptionField(
      "eventTimeDelay", .duration,
      "A span's file is done when a row of a span that begins so much after its end was seen; later rows of it begin another file.",
      default: "10 minutes", range: 0...1 << 55),
    OptionField("timeZone", .string, "Zone of 'rollEvery', of spans and of dates in names.", default: "UTC"),
    OptionField(
      "partitionBy", .list(.string),
      "Columns whose values name the folder of a row, as in 'host=a/status=200'; they are not written into the files. Default: none."
    ),
    OptionField(
      "maxOpenFiles", .integer, "Most files that are open for rows of different folders or spans at once.",
      default: "64", range: 1...10_000),
    OptionField(
      "keepFiles", .integer,
      "How many files are kept, the newest included; older ones are removed. With logrotate names it counts in each folder. Default: all.",
      range: 1...1_000_000),
    OptionField(
      "keepFor", .duration, "Files that were changed last so long ago are removed. Default: none.",
      range: 1_000_000...1 << 60, example: "7 days"),
    OptionField(
      "keepBytes", .byteCount,
      "The oldest files are removed while all files together are larger. Default: no limit.", range: 1...Int64.max,
      example: "10 GiB"),
    OptionField(
      "compress", .choice(["none", "gzip", "onRotation"]),
      "How the files are compressed: not, as they are written, or when the next one is begun. Default: gzip if 'path' ends in '.gz'."
    ),
    OptionField("level", .integer, "How dense gzip is, from 1, fast, to 9.", default: "1", range: 0...9),
    OptionField(
      "memberSize", .byteCount,
      "Uncompressed size of the gzip members of a file; smaller commits are joined into one member.", default: "1 MiB",
      range: 1...1 << 30),
    OptionField(
      "currentLink", .boolean, "Whether 'path' is a link to the newest file.", default: "false"),
    OptionField(
      "sync", .choice(SyncPolicy.allCases.map(\.rawValue)),
      "When the disk is waited for: at each commit, when a file is done, or never. Without commit, a power cut (not a crash of "
        + "the process) can take committed rows away; the next start then says so.", default: "commit"),
  ]

  init(_ options: Options, schema: Schema) throws {
    let path = try options.required("path")
    level = Int(try options.int("level") ?? 1)
    memberSize = try options.byteCount("memberSize") ?? 1 << 20
    switch options.string("compress") ?? (path.hasSuffix(".gz") ? "gzip" : "none") {
    case "gzip": compression = .gzip
    case "onRotation": compression = .onRotation
    default: compression = .none
    }
    let scheme = RotatingFileName.Scheme(rawValue: options.string("naming") ?? "") ?? .numbered
    name = try RotatingFileName(path, scheme: scheme, compression: compression)
    let zone = try TimeZoneRules.required(options.string("timeZone") ?? "UTC")
    roll = try RollPolicy(options, zone: zone)
    partitioning = try FolderPartitioning(options, schema: schema, zone: zone)
    retention = try RetentionPolicy(options)
    sync = SyncPolicy(rawValue: options.string("sync") ?? "") ?? .commit
    maxOpenFiles = Int(try options.int("maxOpenFiles") ?? 64)
    hasLink = try options.bool("currentLink") ?? false
    try checkCombination()
  }

  /// Refuses options that contradict each other.
  private func checkCombination() throws {
    guard case .logrotate = name.scheme else { return }
    if hasLink {
      throw MillraceError(
        "OPTION_CONFLICT", "'currentLink' and naming 'logrotate' both want the name '\(name.livePath(in: ""))'",
        hint: "leave one of them out: with logrotate names the newest file has that name anyway")
    }
    if partitioning?.eventTime != nil {
      throw MillraceError(
        "OPTION_CONFLICT", "naming 'logrotate' has one newest file, and 'eventTimeColumn' one for each span",
        hint: "use naming 'dated'")
    }
  }
}

/// Which files go.
struct RetentionPolicy: Sendable {
  var files: Int?
  /// Microseconds.
  var age: Int64?
  var bytes: Int64?

  init(_ options: Options) throws {
    files = try options.int("keepFiles").map { Int($0) }
    age = try options.duration("keepFor")
    bytes = try options.byteCount("keepBytes")
  }

  var isNone: Bool { files == nil && age == nil && bytes == nil }
}
