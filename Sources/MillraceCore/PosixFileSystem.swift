import CKernels
import Glibc
import Synchronization

/// The machine's clock.
public struct SystemClock: Clock {
  /// Makes a clock.
  public init() {}

  /// Wall-clock time.
  public func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  /// Monotonic time.
  public func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Sleeps; a signal ends it early.
  public func sleep(microseconds: Int64) {
    var time = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
    nanosleep(&time, nil)
  }
}

/// Files of the operating system.
public struct PosixFileSystem: FileSystem {
  /// Makes a file system.
  public init() {}

  /// An error for a failed call, from `errno`.
  static func failure(_ attempt: String, _ path: String, _ number: Int32 = errno) -> MillraceError {
    let code: String
    switch number {
    case ENOENT: code = "IO_NOT_FOUND"
    case EACCES, EPERM: code = "IO_PERMISSION"
    case ENOSPC, EDQUOT: code = "IO_DISK_FULL"
    case EEXIST: code = "IO_EXISTS"
    default: code = "IO_ERROR"
    }
    return MillraceError(
      code, "\(attempt) '\(path)': \(String(cString: strerror(number)))", fault: .external,
      isRetryable: code == "IO_DISK_FULL")
  }

  /// Opens a file, close-on-exec.
  public func open(_ path: String, _ mode: FileMode) throws -> any File {
    let flags: Int32
    switch mode {
    case .read: flags = O_RDONLY
    case .update: flags = O_RDWR | O_CREAT
    case .create: flags = O_RDWR | O_CREAT | O_TRUNC
    case .createNew: flags = O_RDWR | O_CREAT | O_EXCL
    case .createUncached: flags = O_RDWR | O_CREAT | O_TRUNC | ck_uncached_flag()
    }
    var descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
    if descriptor < 0 && errno == EINVAL && mode == .createUncached {
      descriptor = Glibc.open(path, flags & ~ck_uncached_flag() | O_CLOEXEC, 0o644)
    }
    if descriptor < 0 { throw Self.failure("opening", path) }
    return PosixFile(path: path, descriptor: descriptor, isUncached: mode == .createUncached)
  }

  /// `rename(2)`.
  public func rename(_ path: String, to target: String) throws {
    if Glibc.rename(path, target) != 0 { throw Self.failure("renaming", path) }
  }

  /// `unlink(2)`.
  public func remove(_ path: String) throws {
    if unlink(path) != 0 && errno != ENOENT { throw Self.failure("removing", path) }
  }

  /// Removes depth first; does not follow links.
  public func removeTree(_ path: String) throws {
    var info = stat()
    if lstat(path, &info) != 0 {
      if errno == ENOENT { return }
      throw Self.failure("removing", path)
    }
    if info.st_mode & S_IFMT == S_IFDIR {
      for name in try list(path) { try removeTree("\(path)/\(name)") }
      if rmdir(path) != 0 { throw Self.failure("removing", path) }
    } else {
      try remove(path)
    }
  }

  /// `mkdir -p`.
  public func createDirectory(_ path: String) throws {
    if path.isEmpty || mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try createDirectory(String(path[..<slash]))
      if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    }
    throw Self.failure("making folder", path)
  }

  /// `readdir(3)`, sorted.
  public func list(_ path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw Self.failure("listing", path) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// `stat(2)`.
  public func status(_ path: String) throws -> FileStatus? {
    var info = stat()
    if stat(path, &info) != 0 {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw Self.failure("looking at", path)
    }
    return FileStatus(info)
  }

  /// `fsync(2)` of a folder.
  public func syncDirectory(_ path: String) throws {
    let descriptor = Glibc.open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw Self.failure("opening folder", path) }
    defer { Glibc.close(descriptor) }
    if fsync(descriptor) != 0 { throw Self.failure("syncing folder", path) }
  }

  /// `symlink(2)`.
  public func createLink(_ path: String, to target: String) throws {
    if symlink(target, path) != 0 { throw Self.failure("making the link", path) }
  }

  /// `readlink(2)`.
  public func linkTarget(_ path: String) throws -> String? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &target, target.count - 1)
    if count >= 0 { return String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    if errno == ENOENT || errno == ENOTDIR || errno == EINVAL { return nil }
    throw Self.failure("looking at the link", path)
  }

  /// `inotify(7)`.
  public func watch(_ changed: @escaping @Sendable () -> Void) -> (any FolderWatch)? { PosixFolderWatch(changed) }

  /// `glob(3)`.
  public func glob(_ pattern: String) throws -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    switch Glibc.glob(pattern, 0, nil, &result) {
    case 0: return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
    case GLOB_NOMATCH: return []
    default: throw Self.failure("matching", pattern)
    }
  }
}

extension FileStatus {
  /// From the system's structure.
  init(_ info: stat) {
    self.init(
      size: Int64(info.st_size), device: UInt64(info.st_dev), inode: UInt64(info.st_ino),
      modified: Int64(info.st_mtim.tv_sec) * 1_000_000 + Int64(info.st_mtim.tv_nsec) / 1000,
      isDirectory: info.st_mode & S_IFMT == S_IFDIR)
  }
}

/// A file by descriptor.
final class PosixFile: File {
  let path: String
  private let descriptor: Mutex<Int32>
  private let hasFailedSync = Atomic<Bool>(false)
  private let isLocked = Atomic<Bool>(false)
  /// Whether it was opened to be written past the cache.
  private let isUncached: Bool

  init(path: String, descriptor: Int32, isUncached: Bool = false) {
    self.path = path
    self.isUncached = isUncached
    self.descriptor = Mutex(descriptor)
  }

  deinit { try? close() }

  private var number: Int32 { descriptor.withLock { $0 } }

  func status() throws -> FileStatus {
    var info = stat()
    if fstat(number, &info) != 0 { throw PosixFileSystem.failure("looking at", path) }
    return FileStatus(info)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    let number = self.number
    var done = 0
    while done < buffer.count {
      let got = pread(number, base + done, buffer.count - done, off_t(offset) + off_t(done))
      if got < 0 {
        if errno == EINTR { continue }
        throw PosixFileSystem.failure("reading", path)
      }
      if got == 0 { break }
      done += got
    }
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    guard let base = bytes.baseAddress else { return }
    let number = self.number
    var done = 0
    var mayUseCache = isUncached
    while done < bytes.count {
      let put = pwrite(number, base + done, bytes.count - done, off_t(offset) + off_t(done))
      if put < 0 {
        if errno == EINTR { continue }
        if errno == EINVAL && mayUseCache {
          mayUseCache = false
          try useCache(number)
          continue
        }
        throw PosixFileSystem.failure("writing", path)
      }
      done += put
    }
  }

  /// Lets an uncached file be written through the cache from here on, since its file system wants other blocks. Another thread may have
  /// done so already.
  private func useCache(_ number: Int32) throws {
    let flags = fcntl(number, F_GETFL)
    if flags < 0 || fcntl(number, F_SETFL, flags & ~ck_uncached_flag()) != 0 {
      throw PosixFileSystem.failure("writing", path)
    }
  }

  func sync() throws {
    if hasFailedSync.load(ordering: .relaxed) {
      throw MillraceError("IO_SYNC_FAILED", "'\(path)' could not be made durable before", fault: .external)
    }
    if fdatasync(number) != 0 {
      hasFailedSync.store(true, ordering: .relaxed)
      throw PosixFileSystem.failure("syncing", path)
    }
  }

  func truncate(to size: Int64) throws {
    if ftruncate(number, off_t(size)) != 0 { throw PosixFileSystem.failure("truncating", path) }
  }

  func preallocate(_ size: Int64) throws {
    let result = posix_fallocate(number, 0, off_t(size))
    if result != 0 && result != EOPNOTSUPP && result != EINVAL {
      throw PosixFileSystem.failure("reserving room in", path, result)
    }
  }

  func tryLock() throws -> Bool {
    if flock(number, LOCK_EX | LOCK_NB) == 0 {
      isLocked.store(true, ordering: .relaxed)
      return true
    }
    if errno == EWOULDBLOCK { return false }
    throw PosixFileSystem.failure("locking", path)
  }

  func close() throws {
    let open = descriptor.withLock { number in
      defer { number = -1 }
      return number
    }
    guard open >= 0 else { return }
    // A child process that is just being started shares the descriptor, and with it the lock, until it runs its program.
    if isLocked.load(ordering: .relaxed) { flock(open, LOCK_UN) }
    if Glibc.close(open) != 0 { throw PosixFileSystem.failure("closing", path) }
  }
}
