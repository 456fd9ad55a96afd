package import MillraceCore

/// Random keys and values for tests of state stores.
package enum StateRows {
  /// A random value of a type out of `distinct` ones, now and then NULL.
  package static func value(_ type: DataType, distinct: Int, _ random: inout some RandomNumberGenerator) -> Value {
    let number = Int.random(in: 0..<distinct, using: &random)
    if number == 0 { return .null }
    switch type {
    case .boolean: return .boolean(number & 1 == 0)
    case .string: return .string(String(repeating: "s", count: number % 30) + "\(number)")
    case .binary: return .binary([UInt8](repeating: UInt8(number & 255), count: number % 30))
    case .float, .double: return .double(Double(number))
    case .decimal: return .decimal(Int128(number) << 70)
    default: return .integer(Int64(number % 30000))
    }
  }

  /// Rows of random values.
  package static func rows(
    _ types: [DataType], _ count: Int, distinct: Int, _ random: inout some RandomNumberGenerator
  ) -> [[Value]] {
    (0..<count).map { _ in types.map { value($0, distinct: distinct, &random) } }
  }

  /// Rows as columns.
  package static func columns(_ rows: [[Value]], _ types: [DataType]) -> [ColumnVector] {
    types.indices.map { index in .of(rows.map { $0[index] }, type: types[index]) }
  }

  /// Everything a store holds, in its order: keys, then values, of each row.
  package static func contents(_ store: any StateStore) throws -> [[[Value]]] {
    try collect { try store.scan($0) }
  }

  /// What a scan gives.
  package static func collect(
    _ scan: ((_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws -> Void
  ) throws -> [[[Value]]] {
    var all: [[[Value]]] = []
    try scan { keys, values, count in
      for row in 0..<count { all.append([keys.map { $0.value(row) }, values.map { $0.value(row) }]) }
    }
    return all
  }
}
