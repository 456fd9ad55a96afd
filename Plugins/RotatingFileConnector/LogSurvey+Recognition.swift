import MillraceCore
import MillraceFormats
import Synchronization

extension LogSurvey {
  // MARK: Which file is which

  /// The files of one log, oldest first: those that were known, under whatever name and inode they are now, and those that are new.
  ///
  /// A known file is its own inode if that still holds what was read, or what is open under that inode; if neither, a copy that goes on
  /// from what was read, plain or compressed. What no known file is, is new, the new content of a known inode among it. Files that are
  /// done stay known for as long as they have a name, so that nothing of a log has to be guessed from times of change.
  func recognise(_ known: [FollowedFile], among listed: [Sibling], base: String) throws -> [Sighting] {
    // What is being compressed becomes the plain file's rest when that is gone.
    let paths = Set(listed.map(\.path))
    let siblings = listed.filter { !$0.path.hasSuffix(".gz") || !paths.contains(String($0.path.dropLast(3))) }
    var claimed: Set<String> = []
    var found = [Sighting?](repeating: nil, count: known.count)
    var refilled = found
    let byKey = Dictionary(siblings.map { ($0.key, $0) }) { first, _ in first }
    for (index, file) in known.enumerated() {
      if let sibling = byKey[file.key] {
        if isBlank(file) && !isUnchanged(file, sibling) && !isEmptyArchive(file, sibling) { continue }
        found[index] = try sight(file, at: sibling)
        if found[index] != nil { claimed.insert(sibling.path) }
      } else if let open = held.withLock({ $0[file.key] }) {
        if !open.isThere { continue }
        if try !isBlank(file) && open.continues(file) {
          found[index] = try unnamed(file, open)
        } else {
          refilled[index] = try refill(file, open)
        }
      }
    }
    for index in known.indices where found[index]?.order == nil && !isBlank(known[index]) {
      let file = found[index]?.file ?? known[index]
      guard let copy = try copy(of: file, among: siblings, but: &claimed) else { continue }
      // An open file that lost its name to a copy is read on itself; the copy only tells its place in the rotation.
      var sighting = found[index] ?? copy
      sighting.order = copy.order
      found[index] = sighting
    }
    for index in known.indices {
      guard let file = refilled[index]?.file else { continue }
      refilled[index]?.order = try copy(of: file, among: siblings, but: &claimed)?.order
    }
    var all: [Sighting] = []
    for (index, file) in known.enumerated() {
      if found[index] == nil && !file.isDrained && configuration.failsOnDataLoss {
        if try !isBlank(file) || (refilled[index] == nil && locate(file, among: siblings) == nil) {
          throw LogSurvey.missing(file)
        }
      }
      if let sighting = found[index] { all.append(sighting) }
      if let sighting = refilled[index] { all.append(sighting) }
    }
    let new = Set(refilled.compactMap { $0?.file.key })
    let fresh = try fresh(siblings.filter { !claimed.contains($0.path) }, base: base, known: known, found: all)
    all = LogSurvey.sorted(all, refilled: new, fresh: fresh)
    guard all.isEmpty, var last = known.last else { return all }
    // Nothing is left, but that the log was known tells that what comes is new.
    last.isDrained = true
    return [Sighting(file: last, size: 0)]
  }

  /// Whether nothing of a file was read, so that its inode says nothing: another one under it is as new as it was.
  private func isBlank(_ file: FollowedFile) -> Bool { file.head.length == 0 || (file.offset == 0 && !file.isDone) }

  /// Whether a name leads to the compressed file that was read and had nothing in it.
  private func isEmptyArchive(_ file: FollowedFile, _ sibling: Sibling) -> Bool {
    file.isDone && file.isCompressed && file.modified == sibling.status.modified
  }

  /// The file of a plan, wherever it is now; nil if it is gone.
  func locate(_ file: FollowedFile, among siblings: [Sibling]) throws -> Sighting? {
    if let sibling = siblings.first(where: { $0.key == file.key }), let sighting = try sight(file, at: sibling) {
      return sighting
    }
    var none: Set<String> = []
    return try copy(of: file, among: siblings, but: &none)
  }

  /// A copy that goes on from a file; it is claimed then. It was last changed no earlier than the file was; many logs begin alike, so
  /// that matters.
  private func copy(
    of file: FollowedFile, among siblings: [Sibling], but claimed: inout Set<String>
  ) throws -> Sighting? {
    if file.head.length == 0 { return nil }
    for sibling in siblings where sibling.key != file.key && sibling.status.modified >= file.modified {
      if claimed.contains(sibling.path) { continue }
      var copy = file
      copy.key = sibling.key
      guard let sighting = try sight(copy, at: sibling) else { continue }
      claimed.insert(sibling.path)
      return sighting
    }
    return nil
  }

  /// A file that has no name any more, but is open.
  private func unnamed(_ file: FollowedFile, _ open: HeldFile) throws -> Sighting {
    let status = try open.status()
    var file = file
    file.modified = max(file.modified, status.modified)
    file.isDrained = file.offset >= status.size
    try LogSurvey.growHead(&file, open, status.size)
    return Sighting(file: file, size: status.size, held: open)
  }

  /// What is in a file that was emptied, filled again and then lost its name, and that is open.
  private func refill(_ file: FollowedFile, _ open: HeldFile) throws -> Sighting? {
    if try open.status().size == 0 { return nil }
    return try unnamed(FollowedFile(base: file.base, path: file.path, key: file.key), open)
  }

  /// Those of the siblings that no known file is, from their beginning.
  private func fresh(
    _ unclaimed: [Sibling], base: String, known: [FollowedFile], found: [Sighting]
  ) throws -> [Sighting] {
    let horizon = known.map(\.horizon).max() ?? 0
    let oldest = found.compactMap(\.order).min()
    var sightings: [Sighting] = []
    for sibling in unclaimed {
      // Done so long ago that it is not known by itself any more.
      if sibling.status.modified <= horizon, sibling.name.order < oldest ?? .live { continue }
      let file = FollowedFile(base: base, path: sibling.path, key: sibling.key, horizon: horizon)
      if let sighting = try sight(file, at: sibling) { sightings.append(sighting) }
    }
    // The live file is about to be emptied; the copy becomes its rest then. Until it does nothing needs it open.
    if let live = (found + sightings).first(where: { $0.order == .live && $0.held != nil }) {
      let copies = sightings.filter { (try? isCopy($0, of: live)) ?? false }.map(\.file.key)
      sightings.removeAll { copies.contains($0.file.key) }
      for key in copies { held.withLock { $0.removeValue(forKey: key) }?.close() }
    }
    return sightings
  }

  /// Whether a rotated file is a copy of the live one. Short files may begin alike, but a copy is made after the last change.
  private func isCopy(_ rotated: Sighting, of live: Sighting) throws -> Bool {
    guard rotated.order != .live, let copy = rotated.held, let original = live.held, rotated.size > 0,
      rotated.file.modified >= live.file.modified || rotated.size > FollowedFile.headLength
    else { return false }
    var whole = rotated.file
    whole.offset = rotated.size
    whole.anchor = try copy.anchor(at: rotated.size)
    return try original.continues(whole)
  }

  /// Oldest first. A file without a name comes after the one before it. With new content it was the live one, and comes after the new
  /// rotated ones, too, that were last changed before it was.
  private static func sorted(
    _ known: [Sighting], refilled: Set<FollowedFile.Key>, fresh: [Sighting]
  ) -> [Sighting] {
    let rotated = fresh.filter { $0.order != .live }
    var last = RotationName.Order.dated([])
    let placed = (known + fresh).enumerated().map { index, sighting in
      var order = sighting.order ?? last
      if sighting.order == nil && refilled.contains(sighting.file.key) {
        order = rotated.filter { $0.file.modified <= sighting.file.modified }.compactMap(\.order).reduce(order, max)
      }
      last = max(last, order)
      return (order: order, isUnnamed: sighting.order == nil, index: index, sighting: sighting)
    }
    return placed.sorted { left, right in
      if left.order != right.order { return left.order < right.order }
      return left.isUnnamed == right.isUnnamed ? left.index < right.index : right.isUnnamed
    }.map(\.sighting)
  }

  // MARK: One file

  /// The file at a place if it goes on from `file`; nil if it is another one.
  private func sight(_ file: FollowedFile, at sibling: Sibling) throws -> Sighting? {
    if isUnchanged(file, sibling) {
      var file = file
      file.path = sibling.path
      // Open as long as something may come, if there is room.
      let known = held.withLock { $0[file.key] }
      let isRoom = known != nil || descriptors.count < configuration.maxOpenFiles
      let open = file.isDone || file.isCompressed || !isRoom ? nil : try open(sibling)
      if let open { held.withLock { $0[open.key] = open } }
      return Sighting(file: file, size: sibling.status.size, held: open, order: sibling.name.order)
    }
    guard let open = try open(sibling) else { return nil }
    if try open.isCompressed() { return try sightCompressed(file, open, at: sibling) }
    if try !open.continues(file) { return nil }
    var file = file
    let status = try open.status()
    file.path = sibling.path
    file.modified = status.modified
    // Unpacked again. What was done compressed is done.
    if file.isCompressed && file.isDone { file.offset = max(file.offset, status.size) }
    if file.isCompressed { file.anchor = try open.anchor(at: file.offset) }
    file.isCompressed = false
    file.isDrained = file.offset >= status.size
    if !file.isDrained { file.isDone = false }
    try LogSurvey.growHead(&file, open, status.size)
    held.withLock { $0[open.key] = open }
    return Sighting(file: file, size: status.size, held: open, order: sibling.name.order)
  }

  /// Whether a look at the name is enough. What was changed just now may have been changed again within the same tick.
  private func isUnchanged(_ file: FollowedFile, _ sibling: Sibling) -> Bool {
    guard file.isDrained, file.key == sibling.key, file.modified == sibling.status.modified else { return false }
    if !file.isCompressed && file.offset != sibling.status.size { return false }
    return clock.now() - file.modified > 2_000_000
  }

  private func sightCompressed(_ file: FollowedFile, _ open: HeldFile, at sibling: Sibling) throws -> Sighting? {
    guard try compressedHead(at: sibling.path, file.head.length) == file.head else { return nil }
    var file = file
    file.path = sibling.path
    file.modified = max(sibling.status.modified, file.modified)
    if file.head.length == 0 { file.head = try compressedHead(at: sibling.path, FollowedFile.headLength) }
    if !file.isCompressed {
      // It may have grown between the last look and its compression.
      let plainSize = try open.compressedSize(sibling.status.size)
      file.isDrained = file.isDrained && plainSize == UInt32(truncatingIfNeeded: file.offset)
      file.isDone = file.isDone && file.isDrained
    }
    file.isCompressed = true
    file.anchor = FollowedFile.Mark()
    return Sighting(file: file, size: sibling.status.size, held: nil, order: sibling.name.order)
  }

  /// As long as a file is short, more of it can be summed each time.
  private static func growHead(_ file: inout FollowedFile, _ open: HeldFile, _ size: Int64) throws {
    guard file.head.length < FollowedFile.headLength, size > file.head.length else { return }
    file.head = try open.mark(0..<min(size, FollowedFile.headLength)) ?? file.head
  }

  /// The sibling's file, from those that are open if it is among them; nil if it went away or became another.
  private func open(_ sibling: Sibling) throws -> HeldFile? {
    if let open = held.withLock({ $0[sibling.key] }) {
      open.moved(to: sibling.path)
      return open
    }
    do {
      bound()
      let opened = try HeldFile(sibling.path, files, descriptors, clock)
      return opened.key == sibling.key ? opened : nil
    } catch let error as MillraceError where error.code == "IO_NOT_FOUND" { return nil }
  }

  private func compressedHead(at path: String, _ length: Int64) throws -> FollowedFile.Mark {
    let head = try compressedBytes(at: path, Int(length))
    return FollowedFile.Mark(length: Int64(head.count), sum: head.withUnsafeBytes { Checksum.of($0) })
  }

  /// The first plain bytes of a gzip file, as many as it has.
  func compressedBytes(at path: String, _ length: Int) throws -> [UInt8] {
    let reader = try GzipReader(files.open(path, .read))
    defer { reader.close() }
    var bytes = [UInt8](repeating: 0, count: length)
    var count = 0
    while count < length {
      let got = try bytes.withUnsafeMutableBytes { target in
        try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
      }
      if got == 0 { break }
      count += got
    }
    return Array(bytes[..<count])
  }
}
