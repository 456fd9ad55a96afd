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
  }

  private let steps: UnsafeMutablePointer<ck_scan_step>
  private let classes: UnsafeMutablePointer<ck_scan_class>
  private let plan: UnsafeMutablePointer<ck_scan_plan>

  /// Nil if the pattern has choices, or something that bytes alone do not decide.
  init?(_ pattern: String) {
    guard var compiler = ScanCompiler(pattern), compiler.compile() else { return nil }
    let kernelSteps = Self.kernelSteps(compiler.steps, spareSlot: compiler.groupCount * 2 + 2)
    steps = .allocate(capacity: max(kernelSteps.count, 1))
    for (index, step) in kernelSteps.enumerated() { (steps + index).initialize(to: step) }
    let all = compiler.classes + [compiler.firstSet().map { !$0 }]
    classes = .allocate(capacity: all.count)
    for (index, members) in all.enumerated() { (classes + index).initialize(to: Self.kernelClass(members)) }
    plan = .allocate(capacity: 1)
    plan.initialize(
      to: ck_scan_plan(
        steps: steps, step_count: kernelSteps.count, classes: classes, is_anchored: compiler.isAnchored ? 1 : 0,
        is_anchored_at_end: compiler.steps.last?.operation == .end ? 1 : 0, outside_class: Int32(all.count - 1)))
  }

  deinit {
    steps.deallocate()
    classes.deallocate()
    plan.deallocate()
  }

  /// Steps put together as far as they follow each other in the order of a kernel step: mark, run, mark, bytes.
  private static func kernelSteps(_ steps: [Step], spareSlot: Int) -> [ck_scan_step] {
    var result: [ck_scan_step] = []
    /// How many of the four parts of the last step are behind us.
    var done = 4
    func next(_ part: Int) {
      if done > part {
        var step = ck_scan_step()
        step.class_index = -1
        step.slot_before = Int32(spareSlot)
        step.slot_after = Int32(spareSlot)
        result.append(step)
      }
      done = part + 1
    }
    for step in steps {
      switch step.operation {
      case .mark where done >= 3 || done == 1:
        next(0)
        result[result.count - 1].slot_before = Int32(step.slot)
      case .mark:
        next(2)
        result[result.count - 1].slot_after = Int32(step.slot)
      case .run:
        next(1)
        result[result.count - 1].class_index = Int32(step.table)
        result[result.count - 1].least = step.least
        result[result.count - 1].most = step.most
      case .byte:
        let length = result.last.map { Int($0.literal_length) } ?? 0
        if done != 4 || length == 8 || result.isEmpty { next(3) }
        append(step.byte, to: &result[result.count - 1])
      case .end: break
      }
    }
    return result
  }

  private static func append(_ byte: UInt8, to step: inout ck_scan_step) {
    let at = Int(step.literal_length)
    withUnsafeMutableBytes(of: &step.literal) { $0[at] = byte }
    withUnsafeMutableBytes(of: &step.literal_mask) { $0[at] = 0xFF }
    step.literal_length += 1
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
    withUnsafeMutableBytes(of: &result.width) { width in
      for (index, range) in ranges.enumerated() { width[index] = range.upperBound - range.lowerBound }
    }
    result.is_single = ranges.count == 1 && ranges[0].count == 1 ? 1 : 0
    return result
  }

  /// Finds the first match at `start` or later and notes where it and its groups lie.
  func find(_ bytes: UnsafeRawBufferPointer, from start: Int, _ offsets: UnsafeMutablePointer<Int>) -> Bool {
    guard let text = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
    return ck_scan_find(plan, text, bytes.count, start, offsets) != 0
  }

  /// Matches every text of a column: for each group and row start and end, in the high and the low half, or -1 if nothing
  /// matches. `isPadded` says that 64 bytes past each text may be read.
  func match(
    _ views: UnsafePointer<StringView>, _ count: Int, isPadded: Bool, _ offsets: UnsafeMutablePointer<Int>,
    _ groups: UnsafeMutableBufferPointer<UnsafeMutablePointer<Int64>?>
  ) {
    views.withMemoryRebound(to: ck_view_words.self, capacity: count) { words in
      ck_scan_views(
        plan, words, count, isPadded ? 1 : 0, offsets, UnsafePointer(groups.baseAddress), groups.count)
    }
  }
}
