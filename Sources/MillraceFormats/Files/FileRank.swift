import MillraceCore

/// A file's place among others.
struct FileRank: Comparable {
  /// When the folder's files are from, by its name; lower is older, and the largest is not known.
  private let folder: UInt64
  /// Higher is older; -1 without a number.
  private let rotation: Int
  private let stamp: UInt64
  /// The lower, the older; of files that are numbered for ever, as the sink `rotating-file` does it.
  private let sequence: UInt64
  private let modified: Int64
  private let path: String

  /// Files in order. A series of which some number has zeros in front (`events.07.json.gz`), as no rotation writes it, counts its parts up.
  static func sorted(_ files: [ListedFile], _ order: FileOrder) -> [ListedFile] {
    let numbered = files.map { file in
      (file: file, numbers: order == .rotation ? Numbers(FilePath.name(file.path)) : nil)
    }
    let dates = order == .rotation ? FolderDate.stamps(of: files.map(\.path)) : []
    let counting = Set(numbered.compactMap { $0.numbers?.isPadded == true ? $0.numbers?.series : nil })
    let ranks = numbered.indices.map { index in
      let folder = order == .rotation ? dates[index] : nil
      return FileRank(numbered[index].file, numbered[index].numbers, counting: counting, folder: folder ?? .max)
    }
    return ranks.indices.sorted { ranks[$0] < ranks[$1] }.map { files[$0] }
  }

  /// A file's place by the numbers in its name, where the files of the series `counting` have no rotation numbers; without numbers by the time
  /// of its last change.
  private init(_ file: ListedFile, _ numbers: Numbers?, counting: Set<String>, folder: UInt64) {
    let counts = numbers.map { counting.contains($0.series) } ?? false
    rotation = counts ? -1 : numbers?.rotation.map { Int(truncatingIfNeeded: $0) } ?? -1
    sequence = (numbers?.sequence ?? 0) &* 100_000 &+ (counts ? numbers?.rotation ?? 0 : 0)
    let stamp = numbers == nil ? 0 : NameDate.stamp(FilePath.name(file.path))
    self.stamp = stamp == 0 ? (numbers?.date ?? 0) * 1_000_000 : stamp
    modified = file.status.modified
    path = file.path
    self.folder = folder
  }

  static func < (left: Self, right: Self) -> Bool {
    if left.folder != right.folder { return left.folder < right.folder }
    if left.rotation != right.rotation { return left.rotation > right.rotation }
    if left.stamp != right.stamp { return left.stamp < right.stamp }
    if left.sequence != right.sequence { return left.sequence < right.sequence }
    if left.modified != right.modified { return left.modified < right.modified }
    return left.path < right.path
  }

  /// The numbers between dots behind the first part of a name.
  private struct Numbers {
    /// The last of up to five digits, as rotations have (`access.log.12.gz`, `events.3.json.gz`).
    var rotation: UInt64?
    /// Whether that one has zeros in front.
    var isPadded = false
    /// The last of six digits or more, which is none of a rotation (`app.000012.log.gz`); 0 without one.
    var sequence: UInt64 = 0
    /// The digits of a date with dots, such as `2026.01.31`; 0 without one.
    var date: UInt64 = 0
    /// The name without the rotation's number.
    var series: String

    init(_ name: String) {
      series = name
      var parts = name.utf8.split(separator: UInt8(ascii: ".")).dropFirst()
      while let part = parts.popFirst() {
        guard let value = Self.number(part) else { continue }
        let next = parts.prefix(2)
        if part.count == 4, next.count == 2, let month = Self.number(next.first), let day = Self.number(next.last),
          next.allSatisfy({ $0.count == 2 })
        {
          date = (value * 100 + month) * 100 + day
          parts.removeFirst(2)
        } else if part.count > 5 {
          sequence = value
        } else {
          rotation = value
          isPadded = part.count > 1 && part.first == UInt8(ascii: "0")
          series = name[..<part.startIndex] + "*" + name[part.endIndex...]
        }
      }
    }

    private static func number(_ part: Substring.UTF8View?) -> UInt64? {
      guard let part, part.count <= 18, part.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
      return part.reduce(0 as UInt64) { $0 * 10 + UInt64($1 - 0x30) }
    }
  }
}
