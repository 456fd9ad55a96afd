public import MillraceCore

/// Records from the beginning of some files, from which columns are inferred.
public struct SchemaSample {
  /// A run of whole records, behind which 64 bytes can be read.
  public struct Part {
    /// The records.
    public var bytes: UnsafeRawBufferPointer
    /// Keeps the bytes alive.
    public var owner: AnyObject
    /// Where they are from.
    public var origin: RecordOrigin

    /// Makes a part.
    public init(bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) {
      self.bytes = bytes
      self.owner = owner
      self.origin = origin
      // The parts of lines that were cut are joined where they lie, and a sample is read more than once.
      if origin.grouping?.joint != nil { self.origin.grouping = nil }
    }
  }

  /// In the order of the files.
  public var parts: [Part]

  /// Puts parts together.
  public init(_ parts: [Part]) { self.parts = parts }

  /// The error where nothing says what the columns are.
  public static func unable(_ reason: String) -> MillraceError {
    MillraceError(
      "UNABLE_TO_INFER_SCHEMA", "the columns cannot be inferred: \(reason)",
      hint: "declare them, \"schema\": \"name STRING, …\"")
  }
}
