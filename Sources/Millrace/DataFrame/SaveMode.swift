import MillraceCore

/// What becomes of data that is where a DataFrame is to be written. Spark's `SaveMode`.
public enum SaveMode: String, Sendable, CaseIterable {
  /// Rows are added.
  case append
  /// What is there goes.
  case overwrite
  /// An error; the default.
  case errorIfExists = "errorifexists"
  /// Nothing is written.
  case ignore

  /// Reads Spark's words: append, overwrite, error, errorifexists, default, ignore. Throws `INVALID_SAVE_MODE`.
  public init(spark word: String) throws {
    switch word.lowercased() {
    case "error", "default": self = .errorIfExists
    case let word:
      guard let mode = SaveMode(rawValue: word) else {
        throw MillraceError(
          "INVALID_SAVE_MODE", "the save mode '\(word)' is not known",
          hint: "use \(SaveMode.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      self = mode
    }
  }
}
