import MillraceColumnar
import MillraceCore

/// The formats that come with Millrace, by name.
public enum FormatRegistry {
  /// What `decode` can name.
  public static let decoders: [DecoderFormat] = [
    .text, .json, .csv, .tsv, .clf, .combined, .syslog, .logfmt, .ltsv, .keyValue, .apacheError, .nginxError, .w3c,
    .cef,
    .gelf, .docker, .cri, .regex, .grok,
  ]

  /// What `encode` can name.
  public static let encoders: [EncoderFormat] = [.text, .json, .csv, .tsv, .logfmt, .ltsv]

  /// The encoder of a name; throws `FORMAT_NOT_FOUND` with the nearest name.
  public static func encoder(_ name: String) throws -> EncoderFormat {
    try find(name, in: encoders, named: \.name, to: "encode")
  }

  /// The decoder of a name; throws `FORMAT_NOT_FOUND` with the nearest name.
  public static func decoder(_ name: String) throws -> DecoderFormat {
    try find(name, in: decoders, named: \.name, to: "decode")
  }

  private static func find<Format>(
    _ name: String, in formats: [Format], named: KeyPath<Format, String>, to use: String
  ) throws -> Format {
    let wanted = name.lowercased()
    if let format = formats.first(where: { $0[keyPath: named] == wanted }) { return format }
    let names = formats.map { $0[keyPath: named] }
    throw MillraceError(
      "FORMAT_NOT_FOUND", "there is no format '\(name)' to \(use)",
      hint: NearestName.of(name, among: names).map { "did you mean '\($0)'?" }
        ?? "formats are: \(names.joined(separator: ", "))")
  }
}
