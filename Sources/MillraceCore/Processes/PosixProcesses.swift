import CKernels
import Glibc
import Synchronization

/// Programs of the operating system.
///
/// Each is the leader of a process group of its own: Ctrl-C at the terminal reaches only this process, which then ends the program in
/// order. No descriptor but the three streams is passed on.
public struct PosixProcesses: Processes {
  /// Makes it.
  public init() {}

  /// Starts a program.
  public func start(_ command: ProcessCommand) throws -> any RunningProcess {
    guard let name = command.words.first, !name.isEmpty else {
      throw MillraceError("PROCESS_NOT_STARTED", "there is no program to start", hint: "name one")
    }
    var pipes = Pipes()
    do {
      try pipes.open(takesInput: command.takesInput)
      return PosixProcess(try Self.spawn(command, pipes), pipes)
    } catch let failure as Failure {
      pipes.closeAll()
      throw MillraceError(
        "PROCESS_NOT_STARTED", "starting '\(command.text)': \(String(cString: strerror(failure.number)))",
        hint: failure.number == ENOENT
          ? "is '\(name)' installed\(command.folder.map { ", and is there a folder '\($0)'" } ?? "")?" : nil,
        fault: .external)
    }
  }

  fileprivate struct Failure: Error { var number: Int32 }

  /// Descriptors of both ends of the streams; -1 where there is none.
  fileprivate struct Pipes {
    var input: (own: Int32, its: Int32) = (-1, -1)
    var output: (own: Int32, its: Int32) = (-1, -1)
    var error: (own: Int32, its: Int32) = (-1, -1)

    mutating func open(takesInput: Bool) throws {
      if takesInput {
        let (read, write) = try Self.pipe()
        input = (write, read)
      } else {
        input = (-1, Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC))
      }
      output = try Self.pipe()
      error = try Self.pipe()
      for own in [input.own, output.own, error.own] where own >= 0 {
        _ = fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK)
      }
    }

    /// The end to read from and the end to write to.
    private static func pipe() throws -> (Int32, Int32) {
      var ends: [Int32] = [-1, -1]
      if ck_pipe(&ends) != 0 { throw Failure(number: errno) }
      return (ends[0], ends[1])
    }

    func closeAll() {
      closeTheirs()
      for own in [input.own, output.own, error.own] where own >= 0 { Glibc.close(own) }
    }

    func closeTheirs() { for its in [input.its, output.its, error.its] where its >= 0 { Glibc.close(its) } }
  }

  private static func spawn(_ command: ProcessCommand, _ pipes: Pipes) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, number) in [(pipes.input.its, 0), (pipes.output.its, 1), (pipes.error.its, 2)] as [(Int32, Int32)]
    {
      posix_spawn_file_actions_adddup2(&actions, descriptor, number)
    }
    if let folder = command.folder { _ = ck_spawn_in_folder(&actions, folder) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // What this process blocks or ignores is its own affair.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var usual = sigset_t()
    sigemptyset(&usual)
    for number in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&usual, number) }
    posix_spawnattr_setsigdefault(&attributes, &usual)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var process: pid_t = 0
    let status = withCStrings(command.words) { words in
      withCStrings(variables(command)) { posix_spawnp(&process, words[0]!, &actions, &attributes, words, $0) }
    }
    if status != 0 { throw Failure(number: status) }
    pipes.closeTheirs()
    return process
  }

  private static func variables(_ command: ProcessCommand) -> [String] {
    var all: [String] = []
    var entry = environ
    while let text = entry.pointee {
      let variable = String(cString: text)
      let name = variable.prefix { $0 != "=" }
      if command.variables[String(name)] == nil { all.append(variable) }
      entry += 1
    }
    return all + command.variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }

  /// An array as C wants it, with a null behind its texts.
  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
  }
}

/// A process and our ends of its streams.
private final class PosixProcess: RunningProcess, @unchecked Sendable {
  let id: Int32
  /// The end once it is known; the number may belong to another process from then on.
  private let ended = Mutex<ProcessEnd?>(nil)
  private var input: Int32
  private var output: Int32
  private var error: Int32

  init(_ id: pid_t, _ pipes: PosixProcesses.Pipes) {
    self.id = id
    (input, output, error) = (pipes.input.own, pipes.output.own, pipes.error.own)
  }

  deinit {
    // Killed before its input ends, lest it take that for the end of what it was to get.
    if end(within: 0) == nil {
      signal(SIGKILL)
      _ = end(within: 1_000_000)
    }
    close()
  }

  func wait(for interest: ProcessStreams, microseconds: Int64) -> ProcessStreams {
    let streams: [(ProcessStreams, Int32, Int32)] = [
      (.input, input, POLLOUT), (.output, output, POLLIN), (.error, error, POLLIN),
    ]
    var polled = streams.map { stream, descriptor, event in
      pollfd(fd: interest.contains(stream) ? descriptor : -1, events: Int16(event), revents: 0)
    }
    let time = Int32(clamping: (max(0, microseconds) + 999) / 1000)
    guard poll(&polled, nfds_t(polled.count), time) > 0 else { return [] }
    var ready: ProcessStreams = []
    for (entry, stream) in zip(polled, streams) where entry.revents != 0 { ready.insert(stream.0) }
    return ready
  }

  func readOutput(into buffer: UnsafeMutableRawBufferPointer) -> ProcessTransfer { Self.read(output, buffer) }
  func readError(into buffer: UnsafeMutableRawBufferPointer) -> ProcessTransfer { Self.read(error, buffer) }

  private static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> ProcessTransfer {
    while descriptor >= 0 {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .end }
      if errno == EAGAIN { return .wouldBlock }
      if errno != EINTR { return .end }
    }
    return .end
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> ProcessTransfer {
    while input >= 0 {
      let count = BrokenPipes.ignored { Glibc.write(input, bytes.baseAddress, bytes.count) }
      if count > 0 { return .bytes(count) }
      if errno == EAGAIN || count == 0 { return .wouldBlock }
      if errno != EINTR { return .end }
    }
    return .end
  }

  func closeInput() {
    if input >= 0 { Glibc.close(input) }
    input = -1
  }

  func signal(_ number: Int32) {
    ended.withLock { ended in
      // The group has the number of its leader as long as one of it lives.
      if ended == nil { kill(-id, number) }
    }
  }

  func end(within microseconds: Int64) -> ProcessEnd? {
    var pause: Int64 = 200
    var left = microseconds
    while true {
      if let known = look() { return known }
      if left <= 0 { return nil }
      SystemClock().sleep(microseconds: min(pause, left))
      left -= pause
      pause = min(pause * 2, 10_000)
    }
  }

  private func look() -> ProcessEnd? {
    ended.withLock { ended in
      if let ended { return ended }
      var status: Int32 = 0
      let found = waitpid(id, &status, WNOHANG)
      if found == 0 || (found < 0 && errno == EINTR) { return nil }
      let signal = status & 0x7F
      // Somebody else waited for it: how it ended is not known.
      ended = found < 0 ? .exited(-1) : signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal)
      return ended
    }
  }

  func close() {
    closeInput()
    for descriptor in [output, error] where descriptor >= 0 { Glibc.close(descriptor) }
    (output, error) = (-1, -1)
  }
}

/// Keeps a write to a pipe that nobody reads from ending the process, whatever the process does at SIGPIPE otherwise.
private enum BrokenPipes {
  static func ignored(_ body: () -> Int) -> Int {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    let result = body()
    let number = errno
    if result < 0, number == EPIPE, sigismember(&before, SIGPIPE) == 0 {
      var none = timespec()
      while sigtimedwait(&signals, nil, &none) < 0, errno == EINTR {}
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    errno = number
    return result
  }
}
