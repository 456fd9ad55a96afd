import MillraceColumnar

/// `value IN (list)`: NULL for a NULL value, and where nothing matches but the list holds NULL.
enum InList {
  static func bind(_ value: Expression, _ list: [Expression], _ context: BindingContext) throws -> Expression {
    // Structs of the same types compare by position, whatever their fields are called.
    let renamed = try list.map { member in
      guard value.type.hasValues(of: member.type) else { return member }
      return try member.cast(to: TypeCoercion.renamed(member.type, like: value.type), context)
    }
    let all = try Arguments.unify("in", [value] + renamed, context)
    let type = all[0].type
    try Comparison.checkOrderable("in", type)
    let isConstant = all.dropFirst().allSatisfy { $0.references.isEmpty && $0.isDeterministic && !$0.containsSubquery }
    let isNullable = all.contains(where: \.isNullable)
    // A constant that fails may stand behind one that matches.
    if isConstant, let values = try? all.dropFirst().map({ try $0.constantValue() }),
      let lookup = makeLookup(type, values)
    {
      let variant = all.dropFirst().map(\.fingerprint).joined(separator: ",")
      return .operation("in", variant: variant, .boolean, [all[0]], alwaysNullable: isNullable) { vectors, _, _ in
        lookup(vectors[0])
      }
    }
    let equal = Comparison.kernel(.equal, type)
    return .operation("in", .boolean, all, alwaysNullable: isNullable, nullStops: 1) { vectors, count, _ in
      anyTrue(vectors.dropFirst().map { equal(vectors[0], $0) }, count)
    }
  }

  /// Three-valued OR of columns.
  private static func anyTrue(_ parts: [ColumnVector], _ count: Int) -> ColumnVector {
    let out = MemoryBuffer.zeroed(count)
    let target = out.base.assumingMemoryBound(to: UInt8.self)
    var nulls = NullTracker(count: count)
    for part in parts {
      let values = part.values(as: UInt8.self)
      for row in 0..<count where !part.isNull(row) { target[row] |= values[part.slot(row)] }
    }
    for part in parts where part.mayHaveNulls {
      for row in 0..<count where part.isNull(row) && target[row] == 0 { nulls.setNull(row) }
    }
    return ColumnVector(type: .boolean, count: count, values: out, validity: nulls.validity)
  }

  /// A loop over a table of the constants; nil for types that have none.
  private static func makeLookup(_ type: DataType, _ values: [Value]) -> (
    @Sendable (ColumnVector) -> ColumnVector
  )? {
    let present = values.filter { !$0.isNull }
    let hasNull = present.count < values.count
    switch type.physical {
    case .int8: return integers(Int8.self, present, hasNull)
    case .int16: return integers(Int16.self, present, hasNull)
    case .int32: return integers(Int32.self, present, hasNull)
    case .int64: return integers(Int64.self, present, hasNull)
    case .view:
      let set = ViewSet(.of(present, type: type))
      return { finish(.map(.boolean, $0) { (value: StringView) -> UInt8 in set.contains(value) ? 1 : 0 }, hasNull) }
    default: return nil
    }
  }

  private static func integers<T: FixedWidthInteger & Sendable>(
    _: T.Type, _ values: [Value], _ hasNull: Bool
  ) -> @Sendable (ColumnVector) -> ColumnVector {
    let numbers = values.compactMap { value -> Int64? in if case .integer(let number) = value { number } else { nil } }
    let set = IntegerSet(numbers)
    return { finish(.map(.boolean, $0) { (value: T) -> UInt8 in set.contains(Int64(value)) ? 1 : 0 }, hasNull) }
  }

  private static func finish(_ found: ColumnVector, _ hasNull: Bool) -> ColumnVector {
    if !hasNull { return found }
    let stored = found.isConstant ? 1 : found.count
    var nulls = NullTracker(count: stored, validity: found.validity)
    let values = found.values(as: UInt8.self)
    for row in 0..<stored where values[row] == 0 { nulls.setNull(row) }
    return found.withValidity(nulls.validity)
  }
}

/// Constant integers in an open hash table at most half full.
private struct IntegerSet: Sendable {
  private let slots: [Int64]
  private let mask: Int
  private let shift: UInt64
  /// Marks an empty slot; whether it is itself a member is kept apart.
  private static let empty = Int64.min
  private let hasEmpty: Bool

  init(_ values: [Int64]) {
    var bits: UInt64 = 3
    while 1 << bits < values.count * 2 { bits += 1 }
    var slots = [Int64](repeating: Self.empty, count: 1 << Int(bits))
    mask = slots.count - 1
    shift = 64 - bits
    for value in values where value != Self.empty {
      var index = Self.index(value, shift)
      while slots[index] != Self.empty && slots[index] != value { index = (index + 1) & mask }
      slots[index] = value
    }
    self.slots = slots
    hasEmpty = values.contains(Self.empty)
  }

  private static func index(_ value: Int64, _ shift: UInt64) -> Int {
    Int(truncatingIfNeeded: (UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  @inline(__always)
  func contains(_ value: Int64) -> Bool {
    if value == Self.empty { return hasEmpty }
    return slots.withUnsafeBufferPointer { slots in
      var index = Self.index(value, shift)
      while slots[index] != Self.empty {
        if slots[index] == value { return true }
        index = (index + 1) & mask
      }
      return false
    }
  }
}

/// Constant strings in an open hash table on length and first bytes.
private struct ViewSet: Sendable {
  private let vector: ColumnVector
  /// Row of the string plus one; zero marks an empty slot.
  private let slots: [Int32]
  private let mask: Int

  init(_ vector: ColumnVector) {
    self.vector = vector
    var size = 8
    while size < vector.count * 2 { size *= 2 }
    var slots = [Int32](repeating: 0, count: size)
    mask = size - 1
    for row in 0..<vector.count {
      var index = Self.index(vector.views[row], mask)
      while slots[index] != 0 { index = (index + 1) & mask }
      slots[index] = Int32(row + 1)
    }
    self.slots = slots
  }

  private static func index(_ view: StringView, _ mask: Int) -> Int {
    let word = view.isInline ? view.word0 ^ view.word1 &* 0xC2B2_AE3D_27D4_EB4F : view.word0
    let mixed = word &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 40) & mask
  }

  @inline(__always)
  func contains(_ view: StringView) -> Bool {
    slots.withUnsafeBufferPointer { slots in
      var index = Self.index(view, mask)
      while slots[index] != 0 {
        if vector.views[Int(slots[index]) - 1] == view { return true }
        index = (index + 1) & mask
      }
      return false
    }
  }
}
