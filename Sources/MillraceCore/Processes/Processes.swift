/// Starts other programs. Connectors that talk to one reach it through `Environment.processes`, so that tests can put another in its place.
public protocol Processes: Sendable {
  /// Starts a program. Throws `PROCESS_NOT_STARTED` with the system's reason, for instance where there is no such file.
  func start(_ command: ProcessCommand) throws -> any RunningProcess
}

/// What is started, and with what around it.
public struct ProcessCommand: Sendable, Hashable {
  /// The program, looked for on `PATH` unless it has a slash, and its arguments.
  public var words: [String]
  /// Variables in addition to those of this process; one of the same name replaces it.
  public var variables: [String: String]
  /// The folder in which it works; nil: that of this process.
  public var folder: String?
  /// Whether something is written to its standard input; it has an empty one otherwise.
  public var takesInput: Bool

  /// Makes a command.
  public init(_ words: [String], variables: [String: String] = [:], folder: String? = nil, takesInput: Bool = true) {
    self.words = words
    self.variables = variables
    self.folder = folder
    self.takesInput = takesInput
  }

  /// The command for messages.
  public var text: String { words.joined(separator: " ") }
}

/// A program that was started. Used by one thread at a time, except for `signal`.
public protocol RunningProcess: AnyObject, Sendable {
  /// The system's number for it.
  var id: Int32 { get }
  /// Waits until one of the streams in `interest` can be used, at most so long, and gives those that can. A stream that has ended can be
  /// read: it gives its end.
  func wait(for interest: ProcessStreams, microseconds: Int64) -> ProcessStreams
  /// Reads what is there of standard output.
  func readOutput(into buffer: UnsafeMutableRawBufferPointer) -> ProcessTransfer
  /// Reads what is there of standard error.
  func readError(into buffer: UnsafeMutableRawBufferPointer) -> ProcessTransfer
  /// Writes as much to standard input as there is room for.
  func write(_ bytes: UnsafeRawBufferPointer) -> ProcessTransfer
  /// Ends standard input.
  func closeInput()
  /// Sends a signal to the program and to those that it started.
  func signal(_ number: Int32)
  /// How the program ended; nil if it runs still after so long.
  func end(within microseconds: Int64) -> ProcessEnd?
  /// Lets go of the streams. Call it once the program has ended.
  func close()
}

/// Streams of a process.
public struct ProcessStreams: OptionSet, Sendable {
  /// The bits.
  public let rawValue: UInt8
  /// Makes a set from its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Standard input, which can be written to.
  public static let input = ProcessStreams(rawValue: 1)
  /// Standard output.
  public static let output = ProcessStreams(rawValue: 2)
  /// Standard error.
  public static let error = ProcessStreams(rawValue: 4)
}

/// What came of an attempt to read or write.
public enum ProcessTransfer: Sendable, Hashable {
  /// So many bytes, one at least.
  case bytes(Int)
  /// Nothing at the moment.
  case wouldBlock
  /// The other end is closed.
  case end
}

/// How a program ended.
public enum ProcessEnd: Sendable, Hashable, CustomStringConvertible {
  /// By itself, with a status.
  case exited(Int32)
  /// By a signal.
  case killed(Int32)

  /// Whether it says that all went well.
  public var isSuccess: Bool { self == .exited(0) }

  /// For messages, behind "it ended".
  public var description: String {
    switch self {
    case .exited(let status): "with status \(status)"
    case .killed(let signal): "by signal \(signal)"
    }
  }
}
