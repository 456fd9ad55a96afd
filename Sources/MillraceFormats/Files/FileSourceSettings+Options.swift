public import MillraceCore

extension FileSourceSettings {
  /// The options that every connector over a `FileSource` takes: `path`, `maxFilesPerTrigger` and `maxBytesPerTrigger`.
  ///
  /// `example` is a path for help and reference pages.
  public static func fields(example: String) -> [OptionField] {
    [
      OptionField(
        "path", .path, "File, folder or shell pattern of the files to read.", isRequired: true, example: example),
      OptionField("maxFilesPerTrigger", .integer, "Most files in one batch.", range: 1...Int64(Int32.max)),
      OptionField(
        "maxBytesPerTrigger", .byteCount,
        "About how many uncompressed bytes one batch reads. Default: 1 GiB if every query over the source aggregates, "
          + "256 MiB if rows wait in memory for the batch to end.", range: 1...Int64.max),
    ]
  }

  /// The settings that `options`, checked against `fields(example:)`, ask for.
  ///
  /// `connector` is the connector's name, for messages. Throws `OPTION_MISSING`, `OPTION_WRONG_TYPE` or `OPTION_OUT_OF_RANGE`.
  public init(connector: String, options: Options, order: FileOrder) throws {
    self.init(
      connector: connector, path: try options.required("path"), order: order,
      maxFiles: try options.int("maxFilesPerTrigger").map { Int($0) },
      maxBytes: try options.byteCount("maxBytesPerTrigger"))
  }
}
