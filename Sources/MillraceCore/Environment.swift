import Glibc
import Synchronization

/// The world as the engine and connectors see it: files, time, network and other programs. Tests put others in its place.
public struct Environment: Sendable {
  /// Every file that engine and connectors touch is reached through this.
  public var files: any FileSystem
  /// Every reading of the time, and every wait, goes through this.
  public var clock: any Clock
  /// Every socket is opened through this.
  public var network: any Network
  /// Every other program is started through this.
  public var processes: any Processes
  /// Whether files that are written are to be opened anew.
  public var reopening: ReopenRequests
  /// Takes what went wrong and was got over, which a user should know of. Called on any thread.
  public var warn: @Sendable (MillraceError) -> Void
  /// Takes lines that other programs write to their standard error, each with the program's name in front. Called on any thread.
  public var log: @Sendable (String) -> Void

  /// Makes an environment.
  public init(
    files: any FileSystem, clock: any Clock, network: any Network = PosixNetwork(),
    processes: any Processes = PosixProcesses(), reopening: ReopenRequests = ReopenRequests(),
    warn: @escaping @Sendable (MillraceError) -> Void = { _ in }, log: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.files = files
    self.clock = clock
    self.network = network
    self.processes = processes
    self.reopening = reopening
    self.warn = warn
    self.log = log
  }

  /// The real world; warnings and the lines of other programs go to standard error.
  public static let live = Environment(
    files: PosixFileSystem(), clock: SystemClock(), warn: { printError("warning: \($0)") }, log: printError)

  private static func printError(_ text: String) {
    _ = "\(text)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
  }
}

/// Counts how often someone asked that sinks let go of the files they write and go on in new ones, as a program that moves logs away
/// does by SIGHUP. A sink that keeps files open compares the count with the one it knew when it may begin a file. Safe on any thread.
public final class ReopenRequests: Sendable {
  private let requests = Atomic<Int>(0)

  /// Nobody has asked yet.
  public init() {}

  /// How often it was asked for.
  public var count: Int { requests.load(ordering: .relaxed) }

  /// Asks for it.
  public func request() { requests.wrappingAdd(1, ordering: .relaxed) }
}

/// Tells the time.
public protocol Clock: Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  func now() -> Int64
  /// Nanoseconds from some start that never jump; for durations.
  func monotonicNanoseconds() -> Int64
  /// Waits.
  func sleep(microseconds: Int64)
}

/// Reads and writes files. Every call throws `MillraceError` with code `IO_…`, the path and the system's reason.
public protocol FileSystem: Sendable {
  /// Opens a file.
  func open(_ path: String, _ mode: FileMode) throws -> any File
  /// Renames within one file system; replaces `target`.
  func rename(_ path: String, to target: String) throws
  /// Removes a file; an absent one is no error.
  func remove(_ path: String) throws
  /// Removes a folder and all in it; an absent one is no error.
  func removeTree(_ path: String) throws
  /// Makes a folder and those above it; an existing one is no error.
  func createDirectory(_ path: String) throws
  /// Names in a folder, sorted, without `.` and `..`.
  func list(_ path: String) throws -> [String]
  /// Facts about a file, nil when there is none.
  func status(_ path: String) throws -> FileStatus?
  /// Makes names in a folder durable.
  func syncDirectory(_ path: String) throws
  /// Existing paths that match a shell pattern, sorted by name.
  func glob(_ pattern: String) throws -> [String]
  /// Makes a symbolic link at `path` that leads to `target`, which need not exist; an error if something is at `path`.
  func createLink(_ path: String, to target: String) throws
  /// Where the symbolic link at `path` leads, as it was made; nil when there is nothing, or something else.
  func linkTarget(_ path: String) throws -> String?
  /// Something that calls `changed`, on a thread of its own, when a file in a watched folder has changed; nil where that cannot be told, and
  /// one has to look from time to time.
  func watch(_ changed: @escaping @Sendable () -> Void) -> (any FolderWatch)?
}

/// Watches folders. What happens on other machines to a file system of the network, or through a link to a file elsewhere, it may not see, so that
/// whoever uses it looks from time to time all the same. Safe on any thread.
public protocol FolderWatch: AnyObject, Sendable {
  /// Watches these folders and no others; gives whether it can watch all of them.
  func set(_ folders: Set<String>) -> Bool
  /// Ends watching. A second call does nothing.
  func close()
}

extension FileSystem {
  /// Refuses: this file system has no links.
  public func createLink(_ path: String, to target: String) throws {
    throw MillraceError("IO_NO_LINKS", "making the link '\(path)': this file system has no links", fault: .external)
  }

  /// None: this file system has no links.
  public func linkTarget(_ path: String) throws -> String? { nil }

  /// None: this file system cannot tell.
  public func watch(_ changed: @escaping @Sendable () -> Void) -> (any FolderWatch)? { nil }
}

/// How a file is opened.
public enum FileMode: Sendable {
  /// For reading; it must exist.
  case read
  /// For reading and writing; made if absent.
  case update
  /// For reading and writing; emptied or made.
  case create
  /// For reading and writing; it must not exist.
  case createNew
  /// As `create`, to be written past the system's cache where the file system can do so: what nobody reads again soon then takes neither
  /// memory nor a copy. Each write is of whole blocks, at an offset of whole blocks, from memory that is aligned to a block.
  case createUncached

  /// Bytes of a block of an uncached file.
  public static let uncachedBlock = 4096
}

/// Facts about a file.
public struct FileStatus: Sendable, Hashable {
  /// Length in bytes.
  public var size: Int64
  /// Number of the file system that holds the file; with `inode` it tells files apart whatever their names.
  public var device: UInt64
  /// Number of the file within its file system; stays the same when the file is renamed.
  public var inode: UInt64
  /// Microseconds since the epoch.
  public var modified: Int64
  /// Whether this is a directory; links are followed first.
  public var isDirectory: Bool

  /// Makes a status.
  public init(size: Int64, device: UInt64, inode: UInt64, modified: Int64, isDirectory: Bool) {
    self.size = size
    self.device = device
    self.inode = inode
    self.modified = modified
    self.isDirectory = isDirectory
  }
}

/// An open file. Used by one thread at a time.
public protocol File: AnyObject, Sendable {
  /// The path that the file was opened under; it may have been renamed since.
  var path: String { get }
  /// Facts about the open file.
  func status() throws -> FileStatus
  /// Reads at an offset; gives fewer bytes than asked only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int
  /// Writes all bytes at an offset.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws
  /// Makes data (and the size) durable. A failure is final for this file: every later call throws, too.
  func sync() throws
  /// Sets the size.
  func truncate(to size: Int64) throws
  /// Reserves room without changing what is read.
  func preallocate(_ size: Int64) throws
  /// Takes an exclusive lock for as long as the file is open; false if another process has it.
  func tryLock() throws -> Bool
  /// Closes; a second call does nothing.
  func close() throws
}
