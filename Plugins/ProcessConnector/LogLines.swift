import MillraceCore

/// Lines that a program writes to its standard error, on their way to the log.
struct LogLines {
  /// A longer line is cut.
  private static let limit = 8192
  private let name: String
  private let log: @Sendable (String) -> Void
  private var pending: [UInt8] = []
  private var isCut = false
  private(set) var hasEnded = false
  /// The last line that says something, for errors.
  private(set) var last: String?

  /// `name` stands in front of each line.
  init(_ name: String, _ environment: Environment) {
    self.name = name
    log = environment.log
  }

  /// Takes what is there.
  mutating func drain(_ process: any RunningProcess) {
    var room = [UInt8](repeating: 0, count: 4096)
    while !hasEnded {
      switch room.withUnsafeMutableBytes({ process.readError(into: $0) }) {
      case .bytes(let count): for byte in room[..<count] { add(byte) }
      case .wouldBlock: return
      case .end:
        hasEnded = true
        if !pending.isEmpty { emit() }
      }
    }
  }

  private mutating func add(_ byte: UInt8) {
    if byte == 0x0A {
      emit()
      isCut = false
    } else if pending.count < Self.limit {
      pending.append(byte)
    } else if !isCut {
      isCut = true
      emit()
    }
  }

  private mutating func emit() {
    defer { pending.removeAll(keepingCapacity: true) }
    if isCut, pending.isEmpty { return }
    let text = String(decoding: pending.last == 0x0D ? pending.dropLast() : pending[...], as: UTF8.self)
    if text.contains(where: { $0 != " " }) { last = text }
    log("\(name): \(text)")
  }
}
