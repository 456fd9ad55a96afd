import MillraceCore
import MillraceFormats

extension LogSurvey {
  /// The files of the logs, from the newest one on that an archive holds as far as it has given them; what comes before that one is
  /// done. Without a file that it holds, all of them from their beginnings.
  ///
  /// Rotation may have moved and compressed files since the archive read them, so they are known by what they hold. Each file of the
  /// archive is one file of a log, the oldest that it can be: small files may begin alike.
  func beyond(_ archived: [ArchivedFile]) throws -> [FollowedFile] {
    var left = archived.filter { $0.headLength > 0 }
    return try allFiles().flatMap { log -> [FollowedFile] in
      var files: [FollowedFile] = []
      for sighting in log {
        guard let index = try left.firstIndex(where: { try holds($0, sighting) }) else {
          files.append(sighting.file)
          continue
        }
        // What is older than this one is the archive's business.
        files = try log[..<files.count].map { try passedOver($0).file }
        files.append(try sighting.file.moved(to: left[index].plainByteCount, sighting))
        left.remove(at: index)
      }
      return files
    }
  }

  /// Whether what an archive has read is the beginning of a file, or all of it if it cannot grow any more.
  private func holds(_ archived: ArchivedFile, _ sighting: Sighting) throws -> Bool {
    if let held = sighting.held {
      if sighting.size < archived.plainByteCount { return false }
      let head = try held.bytes(0..<Int64(archived.headLength))
      return head.map { $0.withUnsafeBytes { ArchivedFile.checksum($0) } } == archived.headChecksum
    }
    let head = try compressedBytes(at: sighting.file.path, archived.headLength)
    return archived.isFinished && head.count == archived.headLength
      && head.withUnsafeBytes { ArchivedFile.checksum($0) } == archived.headChecksum
  }
}

extension HeldFile {
  /// The bytes of a range; nil when the file is shorter.
  fileprivate func bytes(_ range: Range<Int64>) throws -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let count = try bytes.withUnsafeMutableBytes { try read(into: $0, at: range.lowerBound) }
    return count < range.count ? nil : bytes
  }
}
