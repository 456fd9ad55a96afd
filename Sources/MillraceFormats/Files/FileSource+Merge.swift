public import MillraceCore

extension FileSource: MergeableSource {
  /// All files of which something is to be read.
  public func files(after offset: Offset?) throws -> [SourceSplit] {
    try waiting(after: offset).map { $0.part.split(byteLimit: .max, sizeHint: $0.estimate) }
  }
}
