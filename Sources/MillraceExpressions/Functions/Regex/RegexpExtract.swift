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
    let match = matchCall(bound[0], pattern)
    return Bind.call("regexp_group", [match, bound[0]], .string, variant: "\(index)", isNullable: bound[0].isNullable) {
      vectors, count in
      try group(vectors[0], vectors[1], index, pattern, count)
    }
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
        try matcher.findAll(bytes) {
          try checkIndex("regexp_extract_all", index, matcher.pattern)
          writer.append(part(bytes, matcher.offsets, index))
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
    return Bind.call("regexp_match", [value], .structure(fields), variant: "(\(pattern.source))") { vectors, count in
      try match(vectors[0], pattern, fields, count)
    }
  }

  private static func match(
    _ value: ColumnVector, _ pattern: CompiledPattern, _ fields: [StructField], _ count: Int
  ) throws -> ColumnVector {
    let rows = value.isConstant ? min(count, 1) : count
    let groups = fields.count
    let buffers = fields.map { _ in MemoryBuffer(capacity: max(rows, 1) * 8) }
    let matcher = pattern.borrow()
    defer { pattern.giveBack(matcher) }
    let offsets = matcher.offsets
    try withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Int64>?.self, capacity: groups) { places in
      places.initialize(repeating: nil)
      for group in 0..<groups { places[group] = buffers[group].base.assumingMemoryBound(to: Int64.self) }
      if let scan = pattern.scan, !value.mayHaveNulls {
        scan.match(value.views, rows, isPadded: StringListWriter.isPadded(value), offsets, places)
        return
      }
      let targets = places.compactMap { $0 }
      for row in 0..<rows {
        if !value.isNull(row), try matcher.find(value.bytes(row)) {
          for group in 0..<groups {
            let start = Int64(offsets[group &* 2]), end = Int64(offsets[group &* 2 &+ 1])
            targets[group][row] = start < 0 ? -1 : start << 32 | end
          }
        } else {
          for group in 0..<groups { targets[group][row] = -1 }
        }
      }
    }
    let children = buffers.map { ColumnVector(type: .long, count: count, values: $0, isConstant: value.isConstant) }
    return ColumnVector(
      type: .structure(fields), count: count, values: MemoryBuffer(capacity: 0), validity: value.validity,
      isConstant: value.isConstant, children: children)
  }

  private static func group(
    _ match: ColumnVector, _ value: ColumnVector, _ index: Int, _ pattern: CompiledPattern, _ count: Int
  ) throws -> ColumnVector {
    let isKnown = index >= 0 && index <= pattern.groupCount
    let child = match.children[isKnown ? index : 0]
    let rows = value.isConstant ? min(count, 1) : count
    let out = MemoryBuffer(capacity: max(rows, 1) * 16)
    let target = out.base.assumingMemoryBound(to: StringView.self)
    let places = child.values(as: Int64.self)
    for row in 0..<rows {
      let place = places[child.slot(row)]
      if place < 0 {
        target[row] = StringView()
      } else {
        // As in Spark, a group that does not exist is an error only where something matches.
        if !isKnown { try checkIndex("regexp_extract", index, pattern) }
        target[row] = StringView(value.bytes(row), Int(place >> 32)..<Int(place & 0xFFFF_FFFF))
      }
    }
    return ColumnVector(
      type: .string, count: count, values: out, validity: value.validity, isConstant: value.isConstant,
      owners: value.owners)
  }
}
