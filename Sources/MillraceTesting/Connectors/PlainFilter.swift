package import MillraceColumnar
package import MillraceFormats

/// What conditions that were pushed down mean, value by value.
package enum PlainFilter {
  /// Whether a row with this value passes; NULL does not.
  package static func passes(_ value: Value, _ filter: PushedFilter) -> Bool {
    let order: Int
    switch (value, filter.value) {
    case (.string(let one), .string(let other)):
      // By bytes: two texts that Swift finds equal may differ in them.
      let (one, other) = (Array(one.utf8), Array(other.utf8))
      order = one == other ? 0 : one.lexicographicallyPrecedes(other) ? -1 : 1
    case (.integer(let one), .integer(let other)): order = one == other ? 0 : one < other ? -1 : 1
    case (.boolean(let one), .boolean(let other)): order = one == other ? 0 : 1
    default: return false
    }
    switch filter.comparison {
    case .equal: return order == 0
    case .notEqual: return order != 0
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    case .greaterOrEqual: return order >= 0
    }
  }

  /// Whether some rows stand among others in the same order.
  package static func isPart(_ some: [[Value]], of others: [[Value]]) -> Bool {
    var rest = some[...]
    for row in others where row == rest.first { rest = rest.dropFirst() }
    return rest.isEmpty
  }
}
