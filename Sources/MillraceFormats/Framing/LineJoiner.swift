import Glibc

/// Puts the parts of a line that a container runtime has cut together where they lie: the text of a part is moved behind that of the part before.
struct LineJoiner {
  private let preset: LinePreset
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ preset: LinePreset, _ bytes: UnsafeMutableRawBufferPointer) {
    self.preset = preset
    self.bytes = bytes
  }

  /// Adds the line `part`; gives the length of what is joined, which begins where `line` does.
  func join(_ line: Range<Int>, _ part: Range<Int>) -> Int {
    let first = UnsafeRawBufferPointer(rebasing: bytes[line]), more = UnsafeRawBufferPointer(rebasing: bytes[part])
    // Up to where the text of the line goes, and from where that of the part comes.
    let to: Int?, from: Int?
    if preset == .docker {
      to = ContainerLine.dockerTextEnd(first)
      from = ContainerLine.dockerTextStart(more)
    } else {
      to = first.count
      from = ContainerLine.criMessage(more)
    }
    guard let to, let from, let base = bytes.baseAddress else { return part.upperBound - line.lowerBound }
    let count = part.count - from
    memmove(base + line.lowerBound + to, base + part.lowerBound + from, count)
    return to + count
  }
}
