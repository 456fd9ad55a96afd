public import MillraceColumnar
public import MillraceCore

/// A way to turn bytes into rows, with its settings fixed: what `decode` in a pipeline names.
public protocol Decoding: Sendable {
  /// For instance `json`.
  var name: String { get }
  /// All columns it can give.
  var schema: Schema { get }
  /// Makes a decoder for the columns at `columns` of `schema`, in that order. `filters` are conditions that the query
  /// puts on rows anyway: a decoder may leave out rows that fail one, and need not.
  func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder
}

/// Turns the bytes of whole records into rows. Used by one thread at a time.
public protocol Decoder: AnyObject {
  /// Decodes all records of `bytes`, which are UTF-8. The bytes end at a record's end (the last line may lack its newline), at least 64
  /// bytes after them can be read, and `owner` keeps them alive: long strings of the result may point into them.
  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch
  /// Records that could not be decoded so far.
  var badRecordCount: Int64 { get }
}

/// Where decoded bytes come from, for errors and metadata columns.
public struct RecordOrigin: Sendable {
  /// File or stream.
  public var name: String
  /// Uncompressed offset of the first byte.
  public var offset: Int64
  /// Whether records are written as `RecordEscaping` does, since they may hold line ends. Decoders turn them back where they lie.
  public var isEscaped: Bool
  /// What puts lines together to records; nil: each line is one.
  public var grouping: LineGrouping?
  /// How the bytes were written before they became UTF-8.
  public var encoding = CharacterEncoding.utf8
  /// Bytes in front of the first one that are no part of a record: a mark of the encoding.
  public var markLength = 0

  /// Makes an origin.
  public init(name: String, offset: Int64, isEscaped: Bool = false) {
    self.name = name
    self.offset = offset
    self.isEscaped = isEscaped
  }

  /// The offset in the file or stream of the byte at `position` of the decoded ones, which begin at `base`.
  func place(_ position: Int, in base: UnsafePointer<UInt8>) -> Int64 {
    let before = UnsafeRawBufferPointer(start: base, count: position)
    return offset + Int64(markLength + encoding.encodedLength(before))
  }
}

/// A condition `column op value` that holds for every row that the query wants. NULL never passes.
public struct PushedFilter: Sendable {
  /// Position in the decoding's schema.
  public var column: Int
  /// How the column stands to `value` in rows that pass.
  public var comparison: Comparison
  /// Of the column's type.
  public var value: Value

  /// How the column compares with the value.
  public enum Comparison: Sendable {
    /// Equal.
    case equal
    /// Not equal.
    case notEqual
    /// Less.
    case less
    /// Less or equal.
    case lessOrEqual
    /// Greater.
    case greater
    /// Greater or equal.
    case greaterOrEqual
  }

  /// Makes a filter.
  public init(column: Int, _ comparison: Comparison, _ value: Value) {
    self.column = column
    self.comparison = comparison
    self.value = value
  }
}

/// What happens to a record that cannot be decoded.
public enum BadRecordPolicy: String, Sendable, CaseIterable {
  /// Its columns are NULL (Spark's PERMISSIVE).
  case null
  /// It is left out and counted (DROPMALFORMED).
  case skip
  /// It is left out, counted, and written to the dead letters.
  case deadLetter
  /// The query stops (FAILFAST).
  case fail

  /// The policy that one of Spark's modes means: PERMISSIVE, DROPMALFORMED or FAILFAST; nil for another word.
  public init?(mode: String) {
    switch mode {
    case "PERMISSIVE": self = .null
    case "DROPMALFORMED": self = .skip
    case "FAILFAST": self = .fail
    default: return nil
    }
  }
}

/// A decoder by name.
public struct DecoderFormat: Sendable {
  /// The word behind `decode` in a pipeline, for instance `csv`.
  public var name: String
  /// One sentence.
  public var summary: String
  /// The decoder's settings: the one origin of their validation, help and reference.
  public var fields: [OptionField]
  /// Checks settings and schema (as declared by the user, nil if not).
  public var make:
    @Sendable (_ options: Options, _ schema: Schema?, _ badRecords: BadRecordPolicy) throws -> any Decoding
  /// Infers the columns from records, which the policy may say more about; nil for formats that do not need it.
  public var infer:
    (@Sendable (_ options: Options, _ sample: SchemaSample, _ badRecords: BadRecordPolicy) throws -> Schema)?

  /// Makes a format.
  public init(
    name: String, summary: String, fields: [OptionField] = [],
    infer: (@Sendable (Options, SchemaSample, BadRecordPolicy) throws -> Schema)? = nil,
    make: @escaping @Sendable (Options, Schema?, BadRecordPolicy) throws -> any Decoding
  ) {
    self.infer = infer
    self.name = name
    self.summary = summary
    self.fields = fields
    self.make = make
  }
}

extension DecoderFormat {
  /// The columns that the format has of its own; nil where they are declared or depend on settings.
  public var ownSchema: Schema? {
    guard let options = try? Options([:], fields: fields, of: name) else { return nil }
    return try? make(options, nil, .null).schema
  }
}

/// A way to turn rows into bytes, with its settings fixed: what `encode` in a pipeline names.
public protocol Encoding: Sendable {
  /// For instance `json`.
  var name: String { get }
  /// Makes an encoder for rows of a schema; refuses types that the format cannot write.
  func makeEncoder(_ schema: Schema) throws -> any Encoder
}

/// Turns rows into bytes. Used by one thread at a time.
public protocol Encoder: AnyObject {
  /// Bytes in front of the first record of a file, a CSV header for instance.
  var header: [UInt8] { get }
  /// Appends the rows `rows` of a batch, each with its terminator.
  func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws
}

/// An encoder by name.
public struct EncoderFormat: Sendable {
  /// The word behind `encode` in a pipeline, for instance `csv`.
  public var name: String
  /// One sentence.
  public var summary: String
  /// The encoder's settings: the one origin of their validation, help and reference.
  public var fields: [OptionField]
  /// Checks the settings.
  public var make: @Sendable (_ options: Options) throws -> any Encoding

  /// Makes a format.
  public init(
    name: String, summary: String, fields: [OptionField] = [],
    make: @escaping @Sendable (Options) throws -> any Encoding
  ) {
    self.name = name
    self.summary = summary
    self.fields = fields
    self.make = make
  }
}
