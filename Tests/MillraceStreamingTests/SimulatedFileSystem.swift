import MillraceCore
import MillraceTesting
import Synchronization

/// Files in memory that can lose what was not made durable. The `crashAt`-th change fails, and everything after it, until
/// `reboot` says what the disk holds.
final class SimulatedFileSystem: FileSystem, Sendable {
  enum Loss: Sendable {
    /// The process died: everything that was written is there.
    case nothing
    /// Power went: only what was synced is there.
    case unsynced
    /// Power went: of what was not synced, any part is there.
    case some(seed: UInt64)
  }

  final class Node {
    var bytes: [UInt8] = []
    var durable: [UInt8] = []
    var pending: [(inout [UInt8]) -> Void] = []
    var isLocked = false
    let isDirectory: Bool
    init(isDirectory: Bool) { self.isDirectory = isDirectory }

    func apply(_ change: @escaping (inout [UInt8]) -> Void) {
      change(&bytes)
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

  final class Boxed: @unchecked Sendable {
    var world: World
    init(_ world: World) { self.world = world }
  }

  static let powerCut = MillraceError("SIMULATED_CRASH", "the machine is off", fault: .external)

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

  var changes: Int { with { $0.changes } }

  func crash(at change: Int?) {
    with { world in
      world.crashAt = change
      world.changes = 0
    }
  }

  /// Starts the machine again.
  func reboot(_ loss: Loss) {
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
        for node in world.names.values { node.durable = node.bytes }
        world.durableNames = world.names
      }
      world.names = world.durableNames.filter { Self.hasParents($0.key, world.durableNames) }
      world.durableNames = world.names
      for node in world.names.values {
        node.bytes = node.durable
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

  static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }

  func bytes(_ path: String) -> [UInt8]? { with { $0.names[path]?.bytes } }

  func setBytes(_ path: String, _ bytes: [UInt8]) {
    with { world in
      world.names[path]?.bytes = bytes
      world.names[path]?.durable = bytes
    }
  }

  /// A copy of everything, to try damage on.
  func copy() -> SimulatedFileSystem {
    let other = SimulatedFileSystem()
    let all = with { world in world.names.mapValues { ($0.bytes, $0.isDirectory) } }
    other.with { world in
      for (path, content) in all {
        let node = Node(isDirectory: content.1)
        node.bytes = content.0
        node.durable = content.0
        world.names[path] = node
      }
      world.durableNames = world.names
    }
    return other
  }

  var paths: [String] { with { world in world.names.filter { !$0.value.isDirectory }.keys.sorted() } }

  // MARK: FileSystem

  private static func missing(_ path: String) -> MillraceError {
    MillraceError("IO_NOT_FOUND", "opening '\(path)': no such file", fault: .external)
  }

  func open(_ path: String, _ mode: FileMode) throws -> any File {
    try with { world in
      if world.isDead { throw Self.powerCut }
      if let node = world.names[path] {
        if mode == .createNew { throw MillraceError("IO_EXISTS", "opening '\(path)'") }
        if mode == .create {
          try Self.step(&world)
          node.apply { $0 = [] }
        }
        return SimulatedFile(path, self, node)
      }
      guard mode != .read, world.names[Self.parent(path)]?.isDirectory == true else { throw Self.missing(path) }
      try Self.step(&world)
      let node = Node(isDirectory: false)
      world.names[path] = node
      return SimulatedFile(path, self, node)
    }
  }

  func rename(_ path: String, to target: String) throws {
    try with { world in
      try Self.step(&world)
      guard let node = world.names.removeValue(forKey: path) else { throw Self.missing(path) }
      world.names[target] = node
    }
  }

  func remove(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      world.names[path] = nil
    }
  }

  func removeTree(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      world.names = world.names.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
    }
  }

  func createDirectory(_ path: String) throws {
    try with { world in
      var path = path
      while !path.isEmpty, world.names[path] == nil {
        try Self.step(&world)
        world.names[path] = Node(isDirectory: true)
        path = Self.parent(path)
      }
    }
  }

  func list(_ path: String) throws -> [String] {
    try with { world in
      if world.isDead { throw Self.powerCut }
      return world.names.keys.filter { Self.parent($0) == path }.map { String($0.dropFirst(path.count + 1)) }.sorted()
    }
  }

  func status(_ path: String) throws -> FileStatus? {
    try with { world in
      if world.isDead { throw Self.powerCut }
      return world.names[path].map {
        FileStatus(size: Int64($0.bytes.count), device: 1, inode: 1, modified: 0, isDirectory: $0.isDirectory)
      }
    }
  }

  func syncDirectory(_ path: String) throws {
    try with { world in
      try Self.step(&world)
      let path = path == "/" || path == "." ? "" : path
      for name in Set(world.names.keys).union(world.durableNames.keys) where Self.parent(name) == path {
        world.durableNames[name] = world.names[name]
      }
    }
  }

  func glob(_ pattern: String) throws -> [String] { [] }
}

final class SimulatedFile: File, @unchecked Sendable {
  let path: String
  private let system: SimulatedFileSystem
  private let node: SimulatedFileSystem.Node
  private var hasLock = false

  init(_ path: String, _ system: SimulatedFileSystem, _ node: SimulatedFileSystem.Node) {
    self.path = path
    self.system = system
    self.node = node
  }

  func status() throws -> FileStatus {
    FileStatus(size: Int64(node.bytes.count), device: 1, inode: 1, modified: 0, isDirectory: false)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    try system.with { world in
      if world.isDead { throw SimulatedFileSystem.powerCut }
      let from = min(Int(offset), node.bytes.count)
      let count = min(buffer.count, node.bytes.count - from)
      node.bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + count])) }
      return count
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    let data = Array(bytes)
    try system.with { world in
      let at = Int(offset)
      // Two halves, each of which may be lost for itself.
      let middle = data.count / 2
      let parts: [(Int, [UInt8])] = [(at, Array(data[..<middle])), (at + middle, Array(data[middle...]))]
      var isFirst = true
      for (start, part) in parts {
        let change: (inout [UInt8]) -> Void = { file in
          if file.count < start + part.count {
            file.append(contentsOf: repeatElement(0, count: start + part.count - file.count))
          }
          file.replaceSubrange(start..<start + part.count, with: part)
        }
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
      node.durable = node.bytes
      node.pending = []
    }
  }

  func truncate(to size: Int64) throws {
    try system.with { world in
      try SimulatedFileSystem.step(&world)
      node.apply { $0 = Array($0.prefix(Int(size))) + [UInt8](repeating: 0, count: max(0, Int(size) - $0.count)) }
    }
  }

  func preallocate(_ size: Int64) throws {
    try system.with { world in
      try SimulatedFileSystem.step(&world)
      node.apply { if $0.count < Int(size) { $0.append(contentsOf: repeatElement(0, count: Int(size) - $0.count)) } }
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
