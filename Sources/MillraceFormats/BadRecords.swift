/// Records that could not be decoded, side by side, with what is wrong with each and where it lies.
///
/// The bytes of all records lie in one piece, and what is wrong is one of a few faults, so that many bad records cost little more than
/// their bytes.
public struct BadRecords: Sendable {
  /// What is wrong with a record.
  public struct Fault: Sendable, Hashable {
    /// Stable code.
    public var code: String
    /// A sentence without the record's own text.
    public var message: String
    /// The column whose value has the fault; nil where the record as a whole has it.
    public var column: String?

    /// Makes a fault.
    public init(code: String, message: String, column: String? = nil) {
      self.code = code
      self.message = message
      self.column = column
    }
  }

  /// One of the records.
  public struct Record: Sendable {
    /// Uncompressed offset of its first byte in its file or stream.
    public var offset: Int64
    /// Its line, counted from 0: in the window while it is being decoded, then in the file. Nil where it is not known.
    public var line: Int64?
    /// Bytes that it has; more than are kept where it was too large.
    public var length: Int64
    /// Position of what is wrong in `faults`.
    public var fault: Int
    /// Where its bytes end in `bytes`; they begin where those of the record before end.
    var end: Int
  }

  /// What is wrong with some of the records.
  public private(set) var faults: [Fault] = []
  /// The records in the order of their offsets, once they come from a whole split.
  public private(set) var records: [Record] = []
  private var bytes: [UInt8] = []

  /// None.
  public init() {}

  /// Number of records.
  public var count: Int { records.count }

  /// Number of bytes that are kept of all records.
  public var byteCount: Int { bytes.count }

  /// Adds a record; `length` is that of the whole record where `kept` is only its start.
  public mutating func append(
    _ kept: UnsafeRawBufferPointer, length: Int64? = nil, offset: Int64, line: Int64?, fault: Fault
  ) {
    bytes.append(contentsOf: kept)
    records.append(
      Record(
        offset: offset, line: line, length: length ?? Int64(kept.count), fault: index(of: fault), end: bytes.count))
  }

  /// Adds the records of another, whose lines are `line` further on; nil: their lines are not known.
  public mutating func append(_ other: BadRecords, line: Int64?) {
    let start = bytes.count
    let indexes = other.faults.map { index(of: $0) }
    bytes += other.bytes
    for record in other.records {
      var moved = record
      moved.line = line.flatMap { line in record.line.map { $0 + line } }
      moved.fault = indexes[record.fault]
      moved.end += start
      records.append(moved)
    }
  }

  /// Calls `body` with each record, what is wrong with it, and its bytes.
  public func forEach(_ body: (Record, Fault, UnsafeRawBufferPointer) throws -> Void) rethrows {
    try bytes.withUnsafeBytes { all in
      var start = 0
      for record in records {
        try body(record, faults[record.fault], UnsafeRawBufferPointer(rebasing: all[start..<record.end]))
        start = record.end
      }
    }
  }

  private mutating func index(of fault: Fault) -> Int {
    if let known = faults.lastIndex(of: fault) { return known }
    faults.append(fault)
    return faults.count - 1
  }
}

/// A decoder that can keep the records which it could not decode, for dead letters.
public protocol BadRecordKeeper: Decoder {
  /// Whether it does: its policy is `deadLetter`.
  var keepsBadRecords: Bool { get }
  /// Lines of the window that was decoded last.
  var lineCount: Int { get }
  /// Gives away what it kept since the last call; lines count from the start of the window that was decoded last.
  func takeBadRecords() -> BadRecords
}
