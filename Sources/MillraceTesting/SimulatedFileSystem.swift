import Glibc
package import MillraceCore
import Synchronization

/// Files in memory that can lose what was not made durable. The `crashAt`-th change fails, and everything after it, until
/// `reboot` says what the disk holds.
package final class SimulatedFileSystem: FileSystem, Sendable {
  /// What a crash leaves on the disk.
  package enum Loss: Sendable {
    /// The process died: everything that was written is there.
    case nothing
    /// Power went: only what was synced is there.
    case unsynced
    /// Power went: of what was not synced, any part is there.
    case some(seed: UInt64)
  }

  /// What a file holds: bytes, and zeros behind them up to its size, so that reserving room costs nothing.
  struct Content {
    private(set) var stored: [UInt8] = []
    private(set) var size = 0

    init() {}

    init(_ bytes: [UInt8]) {
      stored = bytes
      size = bytes.count
    }

    var bytes: [UInt8] { stored + [UInt8](repeating: 0, count: size - stored.count) }

    mutating func resize(_ size: Int) {
      if size < stored.count { stored.removeLast(stored.count - size) }
      self.size = size
    }

    mutating func write(_ part: [UInt8], at start: Int) {
      if start > stored.count { stored += [UInt8](repeating: 0, count: start - stored.count) }
      let end = min(start + part.count, stored.count)
      stored.replaceSubrange(start..<end, with: part)
      size = max(size, stored.count)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
      let from = min(offset, size), count = min(buffer.count, size - from)
      let known = max(0, min(count, stored.count - from))
      if known > 0 {
        stored.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + known])) }
      }
      if let base = buffer.baseAddress, count > known { memset(base + known, 0, count - known) }
      return count
    }
  }

  final class Node {
    var content = Content()
    var durable = Content()
    var pending: [(inout Content) -> Void] = []
    var isLocked = false
    let isDirectory: Bool
    init(isDirectory: Bool) { self.isDirectory = isDirectory }

    func apply(_ change: @escaping (inout Content) -> Void) {
      change(&content)
      pending.append(change)
    }
  }

  struct World {
    var names: [String: Node] = [:]
    var durableNames: [String: Node] = [:]
    var changes = 0
    var crashAt: Int?
    var isDead = false
  }

  private let world = Mutex(Boxed(World()))

  /// An empty disk.
  package init() {}

  final class Boxed: @unchecked Sendable {
    var world: World
    init(_ world: World) { self.world = world }
  }

  /// What every call throws while the machine is off.
  package static let powerCut = MillraceError("SIMULATED_CRASH", "the machine is off", fault: .external)

  func with<R>(_ body: (inout World) throws -> sending R) rethrows -> sending R {
    try world.withLock { try body(&$0.world) }
  }

  /// Counts a change; the chosen one and all after it fail.
  static func step(_ world: inout World) throws {
    if world.isDead { throw powerCut }
    world.changes += 1
    if let crashAt = world.crashAt, world.changes >= crashAt {
      world.isDead = true
      throw powerCut
    }
  }

  /// A step that is no change of the disk, such as a call of a sink; it counts like one.
  package func touch() throws { try with { try Self.step(&$0) } }

  /// Whether the machine is off.
  package var isDead: Bool { with { $0.isDead } }

  /// Changes and other steps since the last `crash(at:)`.
  package var changes: Int { with { $0.changes } }

  /// The machine goes off at a change from now; nil: it stays on.
  package func crash(at change: Int?) {
    with { world in
      world.crashAt = change
      world.changes = 0
    }
  }

  /// Starts the machine again.
  package func reboot(_ loss: Loss) {
    with { world in
      if case .some(let seed) = loss {
        var random = SeededGenerator(seed: seed)
        for path in world.names.keys.sorted() {
          guard let node = world.names[path] else { continue }
          for change in node.pending where Bool.random(using: &random) { change(&node.durable) }
          if world.durableNames[path] !== node, Bool.random(using: &random) { world.durableNames[path] = node }
        }
        for path in world.durableNames.keys.sorted() where world.names[path] == nil {
          if Bool.random(using: &random) { world.durableNames[path] = nil }
        }
      }
      if case .nothing = loss {
        for node in world.names.values { node.durable = node.content }
        world.durableNames = world.names
      }
      world.names = world.durableNames.filter { Self.hasParents($0.key, world.durableNames) }
      world.durableNames = world.names
      for node in world.names.values {
        node.content = node.durable
        node.pending = []
        node.isLocked = false
      }
      world.isDead = false
      world.crashAt = nil
      world.changes = 0
    }
  }

  private static func hasParents(_ path: String, _ names: [String: Node]) -> Bool {
    let up = parent(path)
    return up.isEmpty || (names[up] != nil && hasParents(up, names))
  }

  /// The folder of a path.
  package static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }

  /// What a file holds.
  package func bytes(_ path: String) -> [UInt8]? { with { $0.names[path]?.content.bytes } }

  /// Puts other bytes into a file, durably.
  package func setBytes(_ path: String, _ bytes: [UInt8]) {
    with { world in
      world.names[path]?.content = Content(bytes)
      world.names[path]?.durable = Content(bytes)
    }
  }

  /// A copy of everything, to try damage on.
  package func copy() -> SimulatedFileSystem {
    let other = SimulatedFileSystem()
    let all = with { world in world.names.mapValues { ($0.content, $0.isDirectory) } }
    other.with { world in
      for (path, content) in all {
        let node = Node(isDirectory: content.1)
        node.content = content.0
        node.durable = content.0
        world.names[path] = node
      }
      world.durableNames = world.names
    }
    return other
  }

  /// All files.
  package var paths: [String] { with { world in world.names.filter { !$0.value.isDirectory }.keys.sorted() } }

  // MARK: FileSystem

  private static func missing(_ path: String) -> MillraceError {
    MillraceError("IO_NOT_FOUND", "opening '\(path)': no such file", fault: .external)
  }

  package func open(_ path: String, _ mode: FileMode) throws -> any File {
    try with { world in
      if world.isDead { throw Self.powerCut }
      if let node = world.names[path] {
        if mode == .createNew { throw MillraceError("IO_EXISTS", "opening '\(path)'") }
        if mode == .create || mode == .createUncached {
          try Self.step(&world)
          node.apply { $0 = Content() }
        }
        return SimulatedFile(path, self, node, isUncached: mode == .createUncached)
      }
      guard mode != .read, world.names[Self.parent(path)]?.isDirectory == true else { throw Self.missing(path) }
      try Self.step(&world)
      let node = Node(isDirectory: false)
      world.names[path] = node
      return SimulatedFile(path, self, node, isUncached: mode == .createUncached)
    }
  }

  package func rename(_ path: String, to target: String) throws {
    try with { world in
      try Self.step(&world)
      guard let node = world.names.removeValue(forKey: path) else { throw Self.missing(path) }
      world.names[target] = node
    }
  }

  package func remove(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      world.names[path] = nil
    }
  }

  package func removeTree(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      world.names = world.names.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
    }
  }

  package func createDirectory(_ path: String) throws {
    try with { world in
      var path = path
      while !path.isEmpty, world.names[path] == nil {
        try Self.step(&world)
        world.names[path] = Node(isDirectory: true)
        path = Self.parent(path)
      }
    }
  }

  package func list(_ path: String) throws -> [String] {
    try with { world in
      if world.isDead { throw Self.powerCut }
      return world.names.keys.filter { Self.parent($0) == path }.map { String($0.dropFirst(path.count + 1)) }.sorted()
    }
  }

  package func status(_ path: String) throws -> FileStatus? {
    try with { world in
      if world.isDead { throw Self.powerCut }
      return world.names[path].map {
        FileStatus(size: Int64($0.content.size), device: 1, inode: 1, modified: 0, isDirectory: $0.isDirectory)
      }
    }
  }

  package func syncDirectory(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      let path = path == "/" || path == "." ? "" : path
      for name in Set(world.names.keys).union(world.durableNames.keys) where Self.parent(name) == path {
        world.durableNames[name] = world.names[name]
      }
    }
  }

  package func glob(_ pattern: String) throws -> [String] { [] }
}

final class SimulatedFile: File, @unchecked Sendable {
  let path: String
  private let system: SimulatedFileSystem
  private let node: SimulatedFileSystem.Node
  private var hasLock = false
  /// Whether only whole blocks may be written.
  private let isUncached: Bool

  init(_ path: String, _ system: SimulatedFileSystem, _ node: SimulatedFileSystem.Node, isUncached: Bool) {
    self.path = path
    self.system = system
    self.node = node
    self.isUncached = isUncached
  }

  func status() throws -> FileStatus {
    FileStatus(size: Int64(node.content.size), device: 1, inode: 1, modified: 0, isDirectory: false)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    try system.with { world in
      if world.isDead { throw SimulatedFileSystem.powerCut }
      return node.content.read(into: buffer, at: Int(offset))
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    if isUncached, (Int(bitPattern: bytes.baseAddress) | bytes.count | Int(offset)) % FileMode.uncachedBlock != 0 {
      throw MillraceError("IO_ERROR", "writing '\(path)': not whole blocks", fault: .bug)
    }
    let data = Array(bytes)
    try system.with { world in
      let at = Int(offset)
      // Two halves, each of which may be lost for itself.
      let middle = data.count / 2
      let parts: [(Int, [UInt8])] = [(at, Array(data[..<middle])), (at + middle, Array(data[middle...]))]
      var isFirst = true
      for (start, part) in parts {
        let change: (inout SimulatedFileSystem.Content) -> Void = { $0.write(part, at: start) }
        if isFirst {
          do { try SimulatedFileSystem.step(&world) } catch {
            if world.isDead { node.pending.append(change) }
            throw error
          }
        }
        isFirst = false
        node.apply(change)
      }
    }
  }

  func sync() throws {
    try system.with { world in
      try SimulatedFileSystem.step(&world)
      node.durable = node.content
      node.pending = []
    }
  }

  func truncate(to size: Int64) throws {
    try system.with { world in
      try SimulatedFileSystem.step(&world)
      node.apply { $0.resize(Int(size)) }
    }
  }

  func preallocate(_ size: Int64) throws {
    try system.with { world in
      try SimulatedFileSystem.step(&world)
      node.apply { if $0.size < Int(size) { $0.resize(Int(size)) } }
    }
  }

  func tryLock() throws -> Bool {
    system.with { _ in
      if node.isLocked { return false }
      node.isLocked = true
      hasLock = true
      return true
    }
  }

  func close() throws {
    system.with { _ in
      if hasLock { node.isLocked = false }
      hasLock = false
    }
  }
}
