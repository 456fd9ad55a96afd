import CKernels
import MillraceColumnar

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

    fileprivate var kernelStep: ck_scan_step {
      let kernel =
        switch operation {
        case .byte: CK_SCAN_BYTE
        case .run: CK_SCAN_RUN
        case .mark: CK_SCAN_MARK
        case .end: CK_SCAN_END
        }
      return ck_scan_step(
        operation: UInt8(kernel), byte: byte, class_index: Int32(table), slot: Int32(slot), least: least, most: most)
    }
  }

  private let steps: UnsafeMutablePointer<ck_scan_step>
  private let classes: UnsafeMutablePointer<ck_scan_class>
  private var plan: ck_scan_plan

  /// Nil if the pattern has choices, or something that bytes alone do not decide.
  init?(_ pattern: String) {
    guard var compiler = ScanCompiler(pattern), compiler.compile() else { return nil }
    steps = .allocate(capacity: max(compiler.steps.count, 1))
    for (index, step) in compiler.steps.enumerated() { (steps + index).initialize(to: step.kernelStep) }
    let all = compiler.classes + [compiler.firstSet().map { !$0 }]
    classes = .allocate(capacity: all.count)
    for (index, members) in all.enumerated() { (classes + index).initialize(to: Self.kernelClass(members)) }
    plan = ck_scan_plan(
      steps: steps, step_count: compiler.steps.count, classes: classes, is_anchored: compiler.isAnchored ? 1 : 0,
      outside_class: Int32(all.count - 1))
  }

  deinit {
    steps.deallocate()
    classes.deallocate()
  }

  private static func kernelClass(_ members: [Bool]) -> ck_scan_class {
    var result = ck_scan_class()
    withUnsafeMutableBytes(of: &result.member) { target in
      for byte in 0..<256 { target[byte] = members[byte] ? 1 : 0 }
    }
    var ranges: [ClosedRange<UInt8>] = []
    for byte in 0..<256 where !members[byte] {
      if let last = ranges.last, Int(last.upperBound) + 1 == byte {
        ranges[ranges.count - 1] = last.lowerBound...UInt8(byte)
      } else {
        ranges.append(UInt8(byte)...UInt8(byte))
      }
    }
    if ranges.count > Int(CK_SCAN_RANGES) { return result }
    result.range_count = Int32(ranges.count)
    withUnsafeMutableBytes(of: &result.low) { low in
      for (index, range) in ranges.enumerated() { low[index] = range.lowerBound }
    }
    withUnsafeMutableBytes(of: &result.high) { high in
      for (index, range) in ranges.enumerated() { high[index] = range.upperBound }
    }
    return result
  }

  /// Finds the first match at `start` or later and notes where it and its groups lie.
  func find(_ bytes: UnsafeRawBufferPointer, from start: Int, _ offsets: UnsafeMutablePointer<Int>) -> Bool {
    guard let text = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
    return ck_scan_find(&plan, text, bytes.count, start, offsets) != 0
  }

  /// Matches every text of a column: for each group and row start and end, in the high and the low half, or -1 if nothing
  /// matches.
  func match(
    _ views: UnsafePointer<StringView>, _ count: Int, _ offsets: UnsafeMutablePointer<Int>,
    _ groups: UnsafeMutableBufferPointer<UnsafeMutablePointer<Int64>?>
  ) {
    views.withMemoryRebound(to: ck_view_words.self, capacity: count) { words in
      ck_scan_views(&plan, words, count, offsets, UnsafePointer(groups.baseAddress), groups.count)
    }
  }
}
