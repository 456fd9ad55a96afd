import CKernels
import Glibc

/// A pattern without choices, run in one pass: every repetition ends at the first byte that is not in its class,
/// and what follows cannot start with a byte of that class, so going back could never help.
///
/// Typical for log lines: `^(\S+) \S+ \[([^\]]+)\] "([^"]*)" (\d{3})`. Other patterns give no program.
final class ScanProgram: @unchecked Sendable {
  struct Step {
    enum Operation {
      /// The byte `byte`.
      case byte
      /// Between `least` and `most` bytes of class `table`.
      case run
      /// At least `least` bytes other than `byte`.
      case until
      /// Notes the position in `slot`.
      case mark
      /// The end, or a line feed at the end.
      case end
    }
    var operation: Operation
    var byte: UInt8 = 0
    var table = 0
    var least = 0
    var most = Int.max
    var slot = 0
  }

  private let steps: UnsafeMutablePointer<Step>
  private let stepCount: Int
  /// 256 bytes per class, 1 for members.
  private let tables: UnsafeMutablePointer<UInt8>
  private let isAnchored: Bool
  /// Bytes that a match can start with.
  private let firstTable: Int
  private let firstByte: Int

  /// Nil if the pattern has choices, or something that bytes alone do not decide.
  init?(_ pattern: String) {
    guard var compiler = ScanCompiler(pattern), compiler.compile() else { return nil }
    stepCount = compiler.steps.count
    steps = .allocate(capacity: max(stepCount, 1))
    for (index, step) in compiler.steps.enumerated() { (steps + index).initialize(to: step) }
    let first = compiler.firstSet()
    isAnchored = compiler.isAnchored
    firstTable = compiler.classes.count
    let members = (0..<256).filter { first[$0] }
    firstByte = members.count == 1 ? members[0] : -1
    let all = compiler.classes + [first]
    tables = .allocate(capacity: all.count * 256)
    for (index, members) in all.enumerated() {
      for byte in 0..<256 { tables[index * 256 + byte] = members[byte] ? 1 : 0 }
    }
  }

  deinit {
    steps.deallocate()
    tables.deallocate()
  }

  /// Finds the first match at `start` or later and notes where it and its groups lie.
  func find(_ bytes: UnsafeRawBufferPointer, from start: Int, _ offsets: UnsafeMutablePointer<Int>) -> Bool {
    guard let raw = bytes.baseAddress else { return false }
    let text = raw.assumingMemoryBound(to: UInt8.self)
    let count = bytes.count
    if isAnchored { return start == 0 && run(text, count, 0, offsets) }
    var at = start
    while at < count {
      if firstByte >= 0 {
        guard let hit = memchr(raw + at, Int32(firstByte), count - at) else { return false }
        at = raw.distance(to: UnsafeRawPointer(hit))
      } else {
        let members = tables + firstTable * 256
        while at < count && members[Int(text[at])] == 0 { at += 1 }
        if at == count { return false }
      }
      if run(text, count, at, offsets) { return true }
      at += 1
    }
    return false
  }

  private func run(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ start: Int, _ offsets: UnsafeMutablePointer<Int>
  ) -> Bool {
    var at = start
    for index in 0..<stepCount {
      let step = steps + index
      switch step.pointee.operation {
      case .byte:
        if at >= count || text[at] != step.pointee.byte { return false }
        at &+= 1
      case .run:
        let members = tables + step.pointee.table &* 256
        let most = step.pointee.most
        let limit = most < count &- at ? at &+ most : count
        let first = at
        while at < limit && members[Int(text[at])] != 0 { at &+= 1 }
        if at &- first < step.pointee.least { return false }
      case .until:
        let first = at
        at = Self.find(step.pointee.byte, text, at, count)
        if at &- first < step.pointee.least { return false }
      case .mark: offsets[step.pointee.slot] = at
      case .end:
        let isEnd = at == count || at == count &- 1 && (text[at] == 10 || text[at] == 13)
        let isPair = at == count &- 2 && text[at] == 13 && text[at &+ 1] == 10
        if !isEnd && !isPair { return false }
      }
    }
    offsets[0] = start
    offsets[1] = at
    return true
  }

  /// Position of the first `byte`, `count` if there is none.
  @inline(__always)
  private static func find(_ byte: UInt8, _ text: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var at = start
    while at &+ 16 <= count {
      let mask = ck_mask16(text + at, byte)
      if mask != 0 { return at &+ mask.trailingZeroBitCount }
      at &+= 16
    }
    while at < count && text[at] != byte { at &+= 1 }
    return at
  }
}
