/// A source of records that come once, from one sender or many. Unlike a `LiveSource`, whose bytes the engine cuts into lines, it finds
/// the records itself, as it must where several connections give pieces of records by turns.
///
/// The engine calls `restore` and `connect`, and then `receive` again and again, all from one thread. What a call leaves in the inbox is made
/// durable, or kept in memory without a checkpoint, in the order of the calls; where much comes, not before the next call. Only `acknowledge`
/// tells that it is. `acknowledge`, `metrics` and `close` come from any thread.
public protocol LiveRecordSource: AnyObject, Sendable {
  /// One line for progress and `explain`; with the real port once there is one.
  var description: String { get }
  /// Columns that it knows for each record beside what a decoder makes of it, such as the sender. They come last.
  var originColumns: [OriginColumn] { get }
  /// Whether records may hold line ends; they are in the inbox as `RecordEscaping` writes them then.
  var escapesRecords: Bool { get }
  /// Whether senders number their records and are told what is durable; for that a query must have a checkpoint.
  var acknowledges: Bool { get }
  /// Whether the records end by themselves before long, as those of a command do: a query that reads what is there now waits for their end.
  var endsByItself: Bool { get }
  /// Whether records that are durable may come again after a crash, so that a query over them is at-least-once.
  var mayRepeat: Bool { get }
  /// Gives the number of the last durable record of each sender. Called before `connect`.
  func restore(_ sequences: [String: Int64])
  /// Connects or begins to listen, as patiently as the source's options say.
  func connect() throws
  /// Waits for records and puts them into the empty inbox; may leave it empty. False: the peer ended the stream, and no more will come.
  func receive(into inbox: LiveInbox) throws -> Bool
  /// Records up to these numbers are durable. Called with the numbers that the inbox named.
  func acknowledge(_ sequences: [String: Int64])
  /// What progress shows of the source, in order: names as they are in Spark's `metrics`.
  func metrics() -> [(name: String, value: String)]
  /// Ends a waiting `receive`.
  func close()
}

extension LiveRecordSource {
  /// It goes on.
  public var endsByItself: Bool { false }
  /// They come once.
  public var mayRepeat: Bool { false }
}

/// A column that tells where a record came from.
public struct OriginColumn: Hashable, Sendable {
  /// Its name in queries.
  public var name: String
  /// What it holds.
  public var content: Content

  /// What an origin column holds.
  public enum Content: Sendable {
    /// The sender's address, a STRING.
    case peer
    /// When the record came in, a TIMESTAMP.
    case received
  }

  /// Makes a column.
  public init(_ name: String, _ content: Content) {
    self.name = name
    self.content = content
  }

  /// The type of its values.
  public var type: DataType { content == .peer ? .string : .timestamp }
}

/// What a live source has received: whole records in one block, and where they came from. Used by one thread.
public final class LiveInbox {
  /// A run of records with one origin.
  public struct Run: Hashable, Sendable {
    /// Bytes in the run.
    public var byteCount: Int
    /// Microseconds since the epoch.
    public var received: Int64
    /// The sender.
    public var peer: String

    /// Makes a run.
    public init(byteCount: Int, received: Int64, peer: String) {
      self.byteCount = byteCount
      self.received = received
      self.peer = peer
    }
  }

  /// The records, each with a line feed behind it.
  public let records = ByteBuffer(capacity: 64 << 10)
  /// Their origins in order, for a source with origin columns.
  public private(set) var runs: [Run] = []
  /// The last number of each sender that numbers its records.
  public var sequences: [String: Int64] = [:]
  /// Records that were left out since the last call, for whatever reason.
  public var droppedRecords: Int64 = 0
  /// What happened, for the log: one sentence each.
  public var notices: [String] = []
  private var isNoted = 0

  /// An empty inbox.
  public init() {}

  /// The records that were added since the last call, or since the beginning, came from `peer`.
  public func note(peer: String, received: Int64) {
    let count = records.count - isNoted
    isNoted = records.count
    if count == 0 { return }
    if let last = runs.last, last.received == received, last.peer == peer {
      runs[runs.count - 1].byteCount += count
    } else {
      runs.append(Run(byteCount: count, received: received, peer: peer))
    }
  }

  /// Empties the inbox.
  public func removeAll() {
    records.removeAll()
    runs.removeAll(keepingCapacity: runs.count < 4096)
    sequences.removeAll()
    droppedRecords = 0
    notices.removeAll()
    isNoted = 0
  }
}

/// A source that shows more of itself in the progress than what waits; Spark's `ReportsSourceMetrics`.
public protocol ReportsSourceMetrics: Source {
  /// Names and values, in the order in which they are shown. Called from the query's control thread.
  func metrics() -> [(name: String, value: String)]
}
