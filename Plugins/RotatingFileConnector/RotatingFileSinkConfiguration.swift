import MillraceCore

/// The options of a sink.
struct RotatingFileSinkConfiguration: Sendable {
  var name: RotatingFileName
  var compression: Compression?
  var maxFileBytes: Int64
  /// Microseconds.
  var rollInterval: Int64?
  var keepFiles: Int64?

  static let fields: [OptionField] = [
    OptionField(
      "path", .path,
      "Name of the files; a number is put in front of the extension: 'out/app.log' gives 'out/app.000001.log'.",
      isRequired: true, example: "out/errors.log"),
    OptionField(
      "maxFileBytes", .byteCount, "Size at which the next file is begun.", default: "128 MiB", range: 1...1 << 50),
    OptionField(
      "rollInterval", .duration, "Age at which the next file is begun. Default: no limit.", range: 1000...1 << 55,
      example: "1 hour"),
    OptionField(
      "keepFiles", .integer, "How many files are kept, the newest included; older ones are removed. Default: all.",
      range: 1...1_000_000),
    OptionField(
      "compress", .choice(["none", "gzip"]), "How the files are compressed. Default: gzip if 'path' ends in '.gz'."),
    OptionField("level", .integer, "How dense gzip is, from 1, fast, to 9.", default: "1", range: 0...9),
  ]

  init(_ options: Options) throws {
    let path = try options.required("path")
    let isGzip = options.string("compress").map { $0 == "gzip" } ?? path.hasSuffix(".gz")
    name = try RotatingFileName(path, isGzip: isGzip)
    compression = isGzip ? .gzip(level: Int(try options.int("level") ?? 1)) : nil
    maxFileBytes = try options.byteCount("maxFileBytes") ?? 128 << 20
    rollInterval = try options.duration("rollInterval")
    keepFiles = try options.int("keepFiles")
  }
}
