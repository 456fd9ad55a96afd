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

  private let compiled: ScanCompiler
  private let steps: UnsafeMutablePointer<ck_scan_step>
  private let classes: UnsafeMutablePointer<ck_scan_class>
  private let plan: UnsafeMutablePointer<ck_scan_plan>

  /// Nil if the pattern has choices, or something that bytes alone do not decide. Notes all groups.
  convenience init?(_ pattern: String) {
    guard var compiler = ScanCompiler(pattern), compiler.compile() else { return nil }
    self.init(compiler, noting: Array(0...compiler.groupCount))
  }

  /// The same program, which notes the places of some groups only.
  func noting(_ groups: [Int]) -> ScanProgram { ScanProgram(compiled, noting: groups) }

  private init(_ compiled: ScanCompiler, noting groups: [Int]) {
    self.compiled = compiled
    let slots = Slots(groups)
    let kernelSteps = Self.kernelSteps(compiled.steps.compactMap(slots.noted), spareSlot: slots.spare)
    steps = .allocate(capacity: max(kernelSteps.count, 1))
    for (index, step) in kernelSteps.enumerated() { (steps + index).initialize(to: step) }
    let all = compiled.classes + [compiled.firstSet().map { !$0 }]
    classes = .allocate(capacity: all.count)
    for (index, members) in all.enumerated() { (classes + index).initialize(to: Self.kernelClass(members)) }
    plan = .allocate(capacity: 1)
    plan.initialize(
      to: ck_scan_plan(
        steps: steps, step_count: kernelSteps.count, slot_count: slots.spare + 1, classes: classes,
        is_anchored: compiled.isAnchored ? 1 : 0, is_anchored_at_end: compiled.steps.last?.operation == .end ? 1 : 0,
        outside_class: Int32(all.count - 1), start_slot: Int32(slots[0]), end_slot: Int32(slots[1])))
  }

  /// Where the kernel notes starts (even numbers) and ends (odd) of groups: those that are wanted two by two, all others in a spare slot.
  private struct Slots {
    let groups: [Int]
    var spare: Int { groups.count * 2 }

    init(_ groups: [Int]) { self.groups = groups }

    subscript(place: Int) -> Int { groups.firstIndex(of: place / 2).map { $0 * 2 + place % 2 } ?? spare }

    /// A step with its slot in the kernel; nil for a mark that nobody wants.
    func noted(_ step: Step) -> Step? {
      guard step.operation == .mark else { return step }
      var result = step
      result.slot = self[step.slot]
      return result.slot == spare ? nil : result
    }
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

  /// Whether each of `count` texts, none of which is NULL, has a match. For a program that notes the whole match only.
  func flags(_ value: ColumnVector, _ count: Int) -> ColumnVector {
    let matches = MemoryBuffer(capacity: max(count, 1) * 8), flags = MemoryBuffer(capacity: max(count, 1))
    let places = matches.base.assumingMemoryBound(to: Int64.self)
    match(value.views, count, isPadded: StringListWriter.isPadded(value), [places])
    let target = flags.base.assumingMemoryBound(to: UInt8.self)
    for row in 0..<count { target[row] = places[row] >= 0 ? 1 : 0 }
    return ColumnVector(type: .boolean, count: count, values: flags)
  }

  /// Matches every text of a column: for each noted group and row start and end, in the high and the low half, or -1 if nothing
  /// matches. `isPadded` says that 64 bytes past each text may be read.
  func match(
    _ views: UnsafePointer<StringView>, _ count: Int, isPadded: Bool, _ groups: [UnsafeMutablePointer<Int64>]
  ) {
    let places = groups.map { Optional($0) }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: plan.pointee.slot_count * 2) { offsets in
      views.withMemoryRebound(to: ck_view_words.self, capacity: count) { words in
        ck_scan_views(plan, words, count, isPadded ? 1 : 0, offsets.baseAddress, places, places.count)
      }
    }
  }
}
