import MillraceCore
import MillraceFormats

/// Files that change their names as logrotate does it: `app.log` is the newest, `app.log.1` the one before, and so on.
///
/// A file is written under a hidden name with its number; once its batch is logged, `push` gives it the plain name, having moved each
/// older one up by one, up to the first name that is free. The highest is moved first, so a crash leaves a free name somewhere
/// below it, and pushing again goes on from there: the hidden file is what says that there is something to push.
struct LogrotateChain {
  private let configuration: RotatingFileSinkConfiguration
  private let files: any FileSystem

  init(_ configuration: RotatingFileSinkConfiguration, _ files: any FileSystem) {
    self.configuration = configuration
    self.files = files
  }

  private var name: RotatingFileName { configuration.name }
  private var level: Int? { configuration.compression == .onRotation ? configuration.level : nil }

  /// The name of the file that is so many rotations old, without what compression adds.
  private func path(_ index: Int, in folder: String) -> String {
    index == 0 ? name.livePath(in: folder) : name.agedPath(index, in: folder)
  }

  /// The file there is at a place, compressed or not; of both, which a crash can leave, the compressed one is whole.
  private func existing(_ index: Int, in folder: String) throws -> String? {
    let plain = path(index, in: folder)
    guard level != nil, index > 0 else { return try files.status(plain) == nil ? nil : plain }
    if try files.status("\(plain).gz") == nil { return try files.status(plain) == nil ? nil : plain }
    if try files.status(plain) != nil { try files.remove(plain) }
    return "\(plain).gz"
  }

  /// Refuses files that are there before the first of ours.
  func refuseAny(in folder: String) throws {
    for index in 0...1 {
      guard let path = try existing(index, in: folder) else { continue }
      throw MillraceError(
        "SINK_NOT_EMPTY", "'\(path)' exists and was not written by this query, and rotating would rename it",
        hint: "move it away, choose another path, or use naming 'numbered'", fault: .external)
    }
  }

  /// Gives the file with a number its plain name.
  func push(_ number: Int64, in folder: String) throws {
    let hidden = name.path(number, in: folder, date: nil)
    guard try files.status(hidden) != nil else { return }
    var free = 0
    while try existing(free, in: folder) != nil { free += 1 }
    CrashPoint.pass("rotating.shift")
    for index in stride(from: free - 1, through: 0, by: -1) {
      guard let from = try existing(index, in: folder) else { continue }
      let end = index > 0 && level != nil && from.hasSuffix(".gz") ? ".gz" : ""
      try files.rename(from, to: path(index + 1, in: folder) + end)
      CrashPoint.pass("rotating.shifted")
    }
    // The moves before the last one, so that no two files can come to have one name.
    if free > 0 { try files.syncDirectory(name.path(of: folder)) }
    try files.rename(hidden, to: name.livePath(in: folder))
    try files.syncDirectory(name.path(of: folder))
    CrashPoint.pass("rotating.named")
    try compressOld(in: folder)
  }

  /// Compresses the old files that are not yet.
  func compressOld(in folder: String) throws {
    guard let level else { return }
    var index = 1
    while let path = try existing(index, in: folder) {
      if !path.hasSuffix(".gz") { _ = try GzipRotation.compress(path, level: level, files) }
      index += 1
    }
  }

  /// Removes old files of each folder, the oldest first.
  func prune(folders: Set<String>, _ retention: RetentionPolicy, now: Int64) throws {
    for folder in folders {
      var bytes: Int64 = 0
      var unwanted: [String] = []
      var index = 0
      while let path = try existing(index, in: folder) {
        let status = try files.status(path)
        bytes += status?.size ?? 0
        // What is older than an unwanted file is unwanted: a gap would end the chain.
        let isOld = retention.age.map { now - (status?.modified ?? now) >= $0 } ?? false
        let isOver = index >= retention.files ?? .max || bytes > retention.bytes ?? .max
        if index > 0 && (!unwanted.isEmpty || isOld || isOver) { unwanted.append(path) }
        index += 1
      }
      for path in unwanted.reversed() {
        try files.remove(path)
        CrashPoint.pass("rotating.removed")
      }
      if !unwanted.isEmpty { try files.syncDirectory(name.path(of: folder)) }
    }
  }
}
