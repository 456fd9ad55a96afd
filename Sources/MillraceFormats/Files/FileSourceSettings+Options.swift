public import MillraceCore

extension FileSourceSettings {
  /// The options that every connector over a `FileSource` takes: `path`, the limits of a batch, and those of a replay by event time.
  ///
  /// `example` is a path for help and reference pages.
  public static func fields(example: String) -> [OptionField] {
    [
      OptionField(
        "path", .path,
        "File, folder (with the folders in it that are named as `date=2026-01-31`) or shell pattern of the files to read.",
        isRequired: true, example: example),
      OptionField(
        partitionColumns, .string,
        "Columns that the names of folders tell, as in `date=2026-01-31/x.gz`. Default: none, but those of path for a table where it is a folder "
          + "and columns are inferred.", example: "date DATE, server STRING"),
      OptionField("maxFilesPerTrigger", .integer, "Most files in one batch.", range: 1...Int64(Int32.max)),
      OptionField(
        "maxBytesPerTrigger", .byteCount,
        "About how many uncompressed bytes one batch reads. Default: 1 GiB if every query over the source aggregates, "
          + "256 MiB if rows wait in memory for the batch to end.", range: 1...Int64.max),
      OptionField(
        "onCorrupt", .choice(GzipDamagePolicy.allCases.map(\.rawValue)),
        "What to do where a gzip file is damaged, cut short or followed by something else: fail, go on with its next member, or stop "
          + "and go on with the next file. What lies before the damage is read; the rest is warned of.", default: "fail"
      ),
    ] + replayFields
  }

  /// Name of the option that declares columns which folders tell. The engine heeds it: a source has to be a `FileNamingSource`.
  public static let partitionColumns = "partitionColumns"

  /// The options of a replay by event time. The engine heeds them: a source has to be a `MergeableSource`.
  public static let replayFields = [
    OptionField(
      "orderBy", .choice(["file", "event-time"]),
      "Whether one file is read after the other, or all are merged by the event times of their records.",
      default: "file"),
    OptionField(
      "eventTimeColumn", .string,
      "The column with the event times. Default: that of the source's watermark, else the only one of type TIMESTAMP.",
      example: "time"),
    OptionField(
      "speed", .string,
      "With orderBy event-time: how fast the query's clock follows the event times, such as 1x or 60x; max: as fast as can be.",
      example: "60x"),
  ]

  /// The settings that `options`, checked against `fields(example:)`, ask for.
  ///
  /// `connector` is the connector's name, for messages. Throws `OPTION_MISSING`, `OPTION_WRONG_TYPE` or `OPTION_OUT_OF_RANGE`.
  public init(connector: String, options: Options, order: FileOrder) throws {
    self.init(
      connector: connector, path: try options.required("path"), order: order,
      maxFiles: try options.int("maxFilesPerTrigger").map { Int($0) },
      maxBytes: try options.byteCount("maxBytesPerTrigger"),
      onCorrupt: options.string("onCorrupt").flatMap { GzipDamagePolicy(rawValue: $0) } ?? .fail)
    records = try RecordRules(options)
  }
}
