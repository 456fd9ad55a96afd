import MillraceColumnar

/// `regexp_extract` and `regexp_extract_all`.
///
/// A call with a constant pattern becomes two: `regexp_match(value)` finds where all groups lie, and
/// `regexp_group(match, value)` takes one. The match is a common sub-expression of all calls with that pattern, so several
/// `regexp_extract` over one column match once.
enum RegexpExtract {
  static let function = ScalarFunction(
    "regexp_extract",
    summary:
      "The part of the string that group `index` (1 if left out, 0 for all) of the first match covers, '' if none does.",
    example: "regexp_extract('100-200', '(\\\\d+)-(\\\\d+)', 2)"
  ) { (arguments: [Expression], context: BindingContext) in
    let given = arguments.count == 2 ? arguments + [.integer(1)] : arguments
    let bound = try Arguments.coerce("regexp_extract", given, [.string, .string, .integer], counts: 2...3, context)
    guard let text = bound[1].constantText, let index = bound[2].constantInteger else { return perRow(bound) }
    let pattern = try CompiledPattern(text)
    return groupCall(matchCall(bound[0], pattern), bound[0], index, pattern)
  }

  static let allFunction = ScalarFunction(
    "regexp_extract_all", summary: "The parts that group `index` (1 if left out, 0 for all) covers in every match.",
    example: "regexp_extract_all('a1b22', '(\\\\d+)')"
  ) { (arguments: [Expression], context: BindingContext) in
    let given = arguments.count == 2 ? arguments + [.integer(1)] : arguments
    let bound = try Arguments.coerce("regexp_extract_all", given, [.string, .string, .integer], counts: 2...3, context)
    return try RegexFunctions.call("regexp_extract_all", bound, .array(.string)) { vectors, count, pattern in
      var cursor = PatternCursor(pattern)
      return try RowLoop.lists(vectors, count) { row, writer in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        let bytes = vectors[0].bytes(row)
        let index = vectors[2].int(row)
        let offsets = matcher.offsets, groups = 0...matcher.groupCount
        try matcher.findAll(bytes) {
          if !groups.contains(index) { try checkIndex("regexp_extract_all", index, matcher.pattern) }
          writer.append(part(bytes, offsets, index))
          return true
        }
        return true
      }.retyped(.array(.string))
    }
  }

  private static func perRow(_ arguments: [Expression]) -> Expression {
    Bind.call("regexp_extract", arguments, .string, canFail: true) { vectors, count in
      var cursor = PatternCursor(nil)
      return try RowLoop.parts(vectors, count) { row in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        let bytes = vectors[0].bytes(row)
        guard try matcher.find(bytes) else { return StringView() }
        try checkIndex("regexp_extract", vectors[2].int(row), matcher.pattern)
        return part(bytes, matcher.offsets, vectors[2].int(row))
      }
    }
  }

  @inline(__always)
  private static func part(_ bytes: UnsafeRawBufferPointer, _ offsets: UnsafeMutablePointer<Int>, _ index: Int)
    -> StringView
  {
    let start = offsets[index * 2]
    return start < 0 ? StringView() : StringView(bytes, start..<offsets[index * 2 + 1])
  }

  private static func checkIndex(_ name: String, _ index: Int, _ pattern: CompiledPattern) throws {
    if index >= 0 && index <= pattern.groupCount { return }
    throw MillraceError(
      "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
      "`\(name)` asks for group \(index), but '\(pattern.source)' has \(pattern.groupCount)",
      hint: "groups are counted from 1; 0 is the whole match")
  }

  /// Where the match and its groups lie: a struct of BIGINT, start in the high and end in the low half; -1 for none.
  private static func matchCall(_ value: Expression, _ pattern: CompiledPattern) -> Expression {
    let fields = (0...pattern.groupCount).map { StructField("group\($0)", .long, isNullable: false) }
    let kernel: @Sendable ([Int]) -> Kernel = { groups in
      let scan = pattern.scan?.noting(groups)
      return { vectors, count, _ in
        let places = try match(vectors[0], pattern, scan, groups, count)
        return structure(fields, groups, places, like: vectors[0], count)
      }
    }
    var function = BoundFunction(
      "regexp_match", variant: "(\(pattern.source))", type: .structure(fields), isNullable: value.isNullable,
      kernel: kernel(Array(fields.indices)))
    function.kernelForFields = kernel
    return .call(function, [value])
  }

  /// For each of the groups and each row (one if the texts are constant) where it lies. `scan` notes just these groups.
  private static func match(
    _ value: ColumnVector, _ pattern: CompiledPattern, _ scan: ScanProgram?, _ groups: [Int], _ count: Int
  ) throws -> [MemoryBuffer] {
    let rows = value.isConstant ? min(count, 1) : count
    let buffers = groups.map { _ in MemoryBuffer(capacity: max(rows, 1) * 8) }
    let places = buffers.map { $0.base.assumingMemoryBound(to: Int64.self) }
    if let scan, !value.mayHaveNulls {
      scan.match(value.views, rows, isPadded: StringListWriter.isPadded(value), places)
      return buffers
    }
    let matcher = pattern.borrow()
    defer { pattern.giveBack(matcher) }
    let offsets = matcher.offsets
    for row in 0..<rows {
      let isFound = try !value.isNull(row) && matcher.find(value.bytes(row))
      for (group, target) in zip(groups, places) {
        let start = Int64(offsets[group &* 2]), end = Int64(offsets[group &* 2 &+ 1])
        target[row] = isFound && start >= 0 ? start << 32 | end : -1
      }
    }
    return buffers
  }

  private static func structure(
    _ fields: [StructField], _ groups: [Int], _ places: [MemoryBuffer], like value: ColumnVector, _ count: Int
  ) -> ColumnVector {
    let unread = ColumnVector.constant(.integer(-1), type: .long, count: count)
    var children = [ColumnVector](repeating: unread, count: fields.count)
    for (group, buffer) in zip(groups, places) {
      children[group] = ColumnVector(type: .long, count: count, values: buffer, isConstant: value.isConstant)
    }
    return ColumnVector(
      type: .structure(fields), count: count, values: MemoryBuffer(capacity: 0), validity: value.validity,
      isConstant: value.isConstant, children: children)
  }

  private static func groupCall(
    _ match: Expression, _ value: Expression, _ index: Int, _ pattern: CompiledPattern
  ) -> Expression {
    let isKnown = index >= 0 && index <= pattern.groupCount
    let field = isKnown ? index : 0
    var function = BoundFunction("regexp_group", variant: "\(index)", type: .string, isNullable: value.isNullable) {
      vectors, count, _ in
      let places = vectors[0].children[field]
      // As in Spark, a group that does not exist is an error only where something matches.
      if !isKnown, hasMatch(places) { try checkIndex("regexp_extract", index, pattern) }
      return group(places, vectors[1], count)
    }
    function.fieldRead = field
    return .call(function, [match, value])
  }

  private static func hasMatch(_ places: ColumnVector) -> Bool {
    let stored = places.isConstant ? min(places.count, 1) : places.count
    return UnsafeBufferPointer(start: places.values(as: Int64.self), count: stored).contains { $0 >= 0 }
  }

  /// The parts of the texts at the places.
  private static func group(_ places: ColumnVector, _ value: ColumnVector, _ count: Int) -> ColumnVector {
    let rows = value.isConstant ? min(count, 1) : count
    let out = MemoryBuffer(capacity: max(rows, 1) * 16)
    let target = out.base.assumingMemoryBound(to: StringView.self)
    let found = places.values(as: Int64.self)
    let views = value.views
    let isPadded = StringListWriter.isPadded(value)
    for row in 0..<rows {
      let place = found[row]
      let start = Int(place >> 32), end = Int(place & 0xFFFF_FFFF)
      if place < 0 {
        target[row] = StringView()
      } else if isPadded && !views[row].isInline {
        target[row] = StringView(padded: views[row].address + start, end &- start)
      } else {
        target[row] = StringView(value.bytes(row), start..<end)
      }
    }
    return ColumnVector(
      type: .string, count: count, values: out, validity: value.validity, isConstant: value.isConstant,
      owners: value.owners)
  }
}
