import Glibc
import MillraceCore

/// One folder of files in memory, with what makes following logs hard: numbers of inodes that are used again as soon as nobody
/// holds the file, files that live on without a name while they are open, and times of change that stand still between two ticks.
///
/// For one thread.
final class LogFolder: FileSystem, @unchecked Sendable {
  final class Node {
    let inode: UInt64
    var bytes: [UInt8] = []
    var modified: Int64 = 0
    var links = 1
    var opens = 0
    /// What a compressed file holds.
    var plain: [UInt8]?
    init(_ inode: UInt64) { self.inode = inode }
  }

  let path = "/logs"
  private let clock: TestClock
  private(set) var names: [String: Node] = [:]
  private var nodes: [Node] = []
  /// Changes with each `kill`; what was opened before is closed then.
  fileprivate var life = 0

  init(_ clock: TestClock) { self.clock = clock }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  // MARK: What writers and rotators do

  /// The plain bytes of a file.
  func plain(_ name: String) -> [UInt8]? { names[name].map { $0.plain ?? $0.bytes } }

  func append(_ text: String, to name: String) {
    let node = names[name] ?? make(name)
    node.bytes += Array(text.utf8)
    node.modified = clock.now()
  }

  /// Makes or replaces what a file holds, under the inode that it has.
  func put(_ bytes: [UInt8], in name: String, plain: [UInt8]? = nil, modified: Int64? = nil) {
    let node = names[name] ?? make(name)
    node.bytes = bytes
    node.plain = plain
    node.modified = modified ?? clock.now()
  }

  func move(_ name: String, to target: String) {
    guard let node = names.removeValue(forKey: name) else { return }
    unlink(target)
    names[target] = node
  }

  func unlink(_ name: String) {
    guard let node = names.removeValue(forKey: name) else { return }
    node.links = 0
    forget(node)
  }

  private func make(_ name: String) -> Node {
    let used = Set(nodes.map(\.inode))
    let node = Node((11...).first { !used.contains($0) } ?? 0)
    node.modified = clock.now()
    nodes.append(node)
    names[name] = node
    return node
  }

  private func forget(_ node: Node) {
    if node.links == 0 && node.opens == 0 { nodes.removeAll { $0 === node } }
  }

  /// Closes what is open, as the end of a process does.
  func kill() {
    life += 1
    for node in nodes { node.opens = 0 }
    nodes.removeAll { $0.links == 0 }
  }

  /// How many files are open.
  var openCount: Int { nodes.reduce(0) { $0 + $1.opens } }

  /// The plain text of all files that have a name or are open.
  var contents: [[UInt8]] { nodes.map { $0.plain ?? $0.bytes } }

  // MARK: What the reader does

  private func name(_ path: String) -> String { String(path.dropFirst(self.path.utf8.count + 1)) }

  func open(_ path: String, _ mode: FileMode) throws -> any File {
    guard let node = names[name(path)] else { throw MillraceError("IO_NOT_FOUND", "opening '\(path)': no such file") }
    node.opens += 1
    return OpenFile(path, node, self)
  }

  func status(_ path: String) throws -> FileStatus? { names[name(path)].map(LogFolder.status) }
  func list(_ path: String) throws -> [String] { names.keys.sorted() }

  func glob(_ pattern: String) throws -> [String] {
    names.keys.sorted().map(file).filter { fnmatch(pattern, $0, 0) == 0 }
  }

  static func status(_ node: Node) -> FileStatus {
    FileStatus(
      size: Int64(node.bytes.count), device: 1, inode: node.inode, modified: node.modified, isDirectory: false)
  }

  private static let readOnly = MillraceError("TEST_READ_ONLY", "a source changes nothing")
  func rename(_ path: String, to target: String) throws { throw Self.readOnly }
  func remove(_ path: String) throws { throw Self.readOnly }
  func removeTree(_ path: String) throws { throw Self.readOnly }
  func createDirectory(_ path: String) throws { throw Self.readOnly }
  func syncDirectory(_ path: String) throws { throw Self.readOnly }

  private final class OpenFile: File, @unchecked Sendable {
    let path: String
    private let node: Node
    private let folder: LogFolder
    private let life: Int
    private var isOpen = true

    init(_ path: String, _ node: Node, _ folder: LogFolder) {
      self.path = path
      self.node = node
      self.folder = folder
      life = folder.life
    }

    deinit { try? close() }

    func status() throws -> FileStatus { LogFolder.status(node) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
      let bytes = node.bytes.dropFirst(Int(offset)).prefix(buffer.count)
      buffer.copyBytes(from: bytes)
      return bytes.count
    }

    func close() throws {
      guard isOpen else { return }
      isOpen = false
      guard life == folder.life else { return }
      node.opens -= 1
      folder.forget(node)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws { throw LogFolder.readOnly }
    func sync() throws { throw LogFolder.readOnly }
    func truncate(to size: Int64) throws { throw LogFolder.readOnly }
    func preallocate(_ size: Int64) throws { throw LogFolder.readOnly }
    func tryLock() throws -> Bool { throw LogFolder.readOnly }
  }
}
