import MillraceCore

/// Keys of rows in offsets and splits.
enum SQLiteKey {
  /// A key as JSON.
  static func json(_ key: [SQLiteValue]) -> JSON {
    .array(
      key.map { value in
        switch value {
        case .null, .blob: .null
        case .integer(let number): .int(number)
        case .real(let number): .double(number)
        case .text(let text): .string(text)
        }
      })
  }

  /// A key out of JSON.
  static func values(_ json: JSON?, count: Int) throws -> [SQLiteValue] {
    let values: [SQLiteValue] = (json?.array ?? []).compactMap { value in
      switch value {
      case .int(let number): .integer(number)
      case .double(let number): .real(number)
      case .string(let text): .text(text)
      default: nil
      }
    }
    guard values.count == count, count > 0 else {
      throw MillraceError(
        "SOURCE_OFFSET", "'\(json?.text ?? "null")' is no offset of this sqlite source",
        hint: "the option 'incremental' was changed: set it back, or start with a new checkpoint")
    }
    return values
  }

  /// Cuts a range of rowids into parts of equal width; other ranges stay whole.
  static func ranges(
    after start: [SQLiteValue]?, upTo end: [SQLiteValue], parts: Int
  ) -> [(after: [SQLiteValue]?, upTo: [SQLiteValue])] {
    guard parts > 1, end.count == 1, let last = end[0].integer, let first = start.map({ $0[0].integer }) ?? 0,
      first >= 0, last > first, last - first >= Int64(parts) * 10_000
    else { return [(start, end)] }
    let width = (last - first) / Int64(parts)
    return (0..<parts).map { part in
      let from = first + Int64(part) * width
      return (
        part == 0 ? start : [.integer(from)], part == parts - 1 ? end : [.integer(from + width)]
      )
    }
  }
}
