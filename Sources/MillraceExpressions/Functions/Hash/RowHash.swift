import MillraceColumnar

/// A hash of single values that is chained from column to column by its seed.
protocol RowHash {
  associatedtype Seed: FixedWidthInteger & SignedInteger

  static func hash(int: Int32, _ seed: Seed) -> Seed
  static func hash(long: Int64, _ seed: Seed) -> Seed
  static func hash(bytes: UnsafeRawBufferPointer, _ seed: Seed) -> Seed
}

extension RowHash {
  /// The hash of each row over all columns; NULL leaves it as it is.
  static func hash(_ vectors: [ColumnVector], _ count: Int, type: DataType, seed: Seed) -> ColumnVector {
    let out = MemoryBuffer(capacity: count * MemoryLayout<Seed>.stride)
    let target = out.base.assumingMemoryBound(to: Seed.self)
    for row in 0..<count { target[row] = seed }
    for vector in vectors { update(vector, target, count) }
    return ColumnVector(type: type, count: count, values: out)
  }

  private static func update(_ vector: ColumnVector, _ seeds: UnsafeMutablePointer<Seed>, _ count: Int) {
    switch vector.type.physical {
    case .bool: loop(vector, UInt8.self, seeds, count) { hash(int: Int32($0), $1) }
    case .int8: loop(vector, Int8.self, seeds, count) { hash(int: Int32($0), $1) }
    case .int16: loop(vector, Int16.self, seeds, count) { hash(int: Int32($0), $1) }
    case .int32: loop(vector, Int32.self, seeds, count) { hash(int: $0, $1) }
    case .int64: loop(vector, Int64.self, seeds, count) { hash(long: $0, $1) }
    case .float: loop(vector, Float.self, seeds, count) { hash(float: $0, $1) }
    case .double: loop(vector, Double.self, seeds, count) { hash(double: $0, $1) }
    case .view:
      for row in 0..<count where !vector.isNull(row) { seeds[row] = hash(bytes: vector.bytes(row), seeds[row]) }
    case .none, .int128, .interval, .list, .structure:
      for row in 0..<count { seeds[row] = hash(vector, row, seeds[row]) }
    }
  }

  @inline(__always)
  private static func loop<T>(
    _ vector: ColumnVector, _: T.Type, _ seeds: UnsafeMutablePointer<Seed>, _ count: Int, _ body: (T, Seed) -> Seed
  ) {
    let values = vector.values(as: T.self)
    if !vector.mayHaveNulls && !vector.isConstant {
      for row in 0..<count { seeds[row] = body(values[row], seeds[row]) }
    } else {
      for row in 0..<count where !vector.isNull(row) { seeds[row] = body(values[vector.slot(row)], seeds[row]) }
    }
  }

  // -0.0 and 0.0 hash alike, and so do all NaN.
  private static func hash(float value: Float, _ seed: Seed) -> Seed {
    hash(int: value == 0 ? 0 : Int32(bitPattern: value.isNaN ? 0x7FC0_0000 : value.bitPattern), seed)
  }

  private static func hash(double value: Double, _ seed: Seed) -> Seed {
    hash(long: value == 0 ? 0 : Int64(bitPattern: value.isNaN ? 0x7FF8_0000_0000_0000 : value.bitPattern), seed)
  }

  /// The hash of one value of any type.
  private static func hash(_ vector: ColumnVector, _ row: Int, _ seed: Seed) -> Seed {
    if vector.type == .void || vector.isNull(row) { return seed }
    let at = vector.slot(row)
    switch vector.type.physical {
    case .none: return seed
    case .bool: return hash(int: Int32(vector.values(as: UInt8.self)[at]), seed)
    case .int8: return hash(int: Int32(vector.values(as: Int8.self)[at]), seed)
    case .int16: return hash(int: Int32(vector.values(as: Int16.self)[at]), seed)
    case .int32: return hash(int: vector.values(as: Int32.self)[at], seed)
    case .int64: return hash(long: vector.values(as: Int64.self)[at], seed)
    case .float: return hash(float: vector.values(as: Float.self)[at], seed)
    case .double: return hash(double: vector.values(as: Double.self)[at], seed)
    case .int128: return hash(decimal: vector.values(as: Int128.self)[at], vector.type, seed)
    case .view: return hash(bytes: vector.bytes(row), seed)
    case .interval:
      let value = vector.values(as: CalendarInterval.self)[at]
      return hash(int: value.months, hash(int: value.days, hash(long: value.microseconds, seed)))
    case .list:
      return vector.values(as: ListView.self)[at].range.reduce(seed) { seed, element in
        vector.children.reduce(seed) { hash($1, element, $0) }
      }
    case .structure:
      return vector.children.reduce(seed) { hash($1, vector.isConstant && !$1.isConstant ? 0 : row, $0) }
    }
  }

  /// Up to 18 digits as a long, else the bytes of Java's BigInteger: big-endian two's complement, as few as possible.
  private static func hash(decimal value: Int128, _ type: DataType, _ seed: Seed) -> Seed {
    if case .decimal(let precision, _) = type, precision <= 18 {
      return hash(long: Int64(truncatingIfNeeded: value), seed)
    }
    let signBits = value < 0 ? (~value).leadingZeroBitCount : value.leadingZeroBitCount
    let count = 16 - (signBits - 1) / 8
    return withUnsafeBytes(of: value.bigEndian) { bytes in
      hash(bytes: UnsafeRawBufferPointer(rebasing: bytes[(16 - count)...]), seed)
    }
  }
}

/// Murmur3 of 32 bits as Spark has it: the bytes behind the last whole word are mixed in one by one.
enum Murmur3: RowHash {
  static func hash(int: Int32, _ seed: Int32) -> Int32 {
    finish(mix(UInt32(bitPattern: seed), UInt32(bitPattern: int)), 4)
  }

  static func hash(long: Int64, _ seed: Int32) -> Int32 {
    let word = UInt64(bitPattern: long)
    let first = mix(UInt32(bitPattern: seed), UInt32(truncatingIfNeeded: word))
    return finish(mix(first, UInt32(truncatingIfNeeded: word >> 32)), 8)
  }

  static func hash(bytes: UnsafeRawBufferPointer, _ seed: Int32) -> Int32 {
    var state = UInt32(bitPattern: seed)
    let aligned = bytes.count & ~3
    var index = 0
    while index < aligned {
      state = mix(state, UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
      index += 4
    }
    while index < bytes.count {
      state = mix(state, UInt32(bitPattern: Int32(Int8(bitPattern: bytes[index]))))
      index += 1
    }
    return finish(state, UInt32(truncatingIfNeeded: bytes.count))
  }

  @inline(__always)
  private static func mix(_ state: UInt32, _ word: UInt32) -> UInt32 {
    let mixed = mixLast(state, word)
    return (mixed << 13 | mixed >> 19) &* 5 &+ 0xE654_6B64
  }

  /// A word mixed in with nothing to follow.
  @inline(__always)
  static func mixLast(_ state: UInt32, _ word: UInt32) -> UInt32 {
    let scrambled = word &* 0xCC9E_2D51
    return state ^ (scrambled << 15 | scrambled >> 17) &* 0x1B87_3593
  }

  @inline(__always)
  private static func finish(_ state: UInt32, _ length: UInt32) -> Int32 {
    var hash = state ^ length
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    return Int32(bitPattern: hash ^ hash >> 16)
  }
}

/// xxHash of 64 bits.
enum XXHash64: RowHash {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  static func hash(int: Int32, _ seed: Int64) -> Int64 {
    finish(mix(int: UInt32(bitPattern: int), UInt64(bitPattern: seed) &+ prime5 &+ 4))
  }

  static func hash(long: Int64, _ seed: Int64) -> Int64 {
    finish(mix(long: UInt64(bitPattern: long), UInt64(bitPattern: seed) &+ prime5 &+ 8))
  }

  static func hash(bytes: UnsafeRawBufferPointer, _ seed: Int64) -> Int64 {
    let start = UInt64(bitPattern: seed)
    var index = 0
    var state: UInt64
    if bytes.count >= 32 {
      state = stripes(bytes, start)
      index = bytes.count & ~31
    } else {
      state = start &+ prime5
    }
    state &+= UInt64(bytes.count)
    while index + 8 <= bytes.count {
      state = mix(long: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)), state)
      index += 8
    }
    if index + 4 <= bytes.count {
      state = mix(int: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)), state)
      index += 4
    }
    while index < bytes.count {
      state = rotate(state ^ UInt64(bytes[index]) &* prime5, 11) &* prime1
      index += 1
    }
    return finish(state)
  }

  private static func stripes(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
    var lanes = (seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1)
    var index = 0
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index + offset, as: UInt64.self))
    }
    while index + 32 <= bytes.count {
      lanes.0 = round(lanes.0, word(0))
      lanes.1 = round(lanes.1, word(8))
      lanes.2 = round(lanes.2, word(16))
      lanes.3 = round(lanes.3, word(24))
      index += 32
    }
    var state = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
    for lane in [lanes.0, lanes.1, lanes.2, lanes.3] { state = (state ^ round(0, lane)) &* prime1 &+ prime4 }
    return state
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 { rotate(lane &+ word &* prime2, 31) &* prime1 }

  @inline(__always)
  private static func mix(long: UInt64, _ state: UInt64) -> UInt64 {
    rotate(state ^ round(0, long), 27) &* prime1 &+ prime4
  }

  @inline(__always)
  private static func mix(int: UInt32, _ state: UInt64) -> UInt64 {
    rotate(state ^ UInt64(int) &* prime1, 23) &* prime2 &+ prime3
  }

  @inline(__always)
  private static func finish(_ state: UInt64) -> Int64 {
    var hash = (state ^ state >> 33) &* prime2
    hash = (hash ^ hash >> 29) &* prime3
    return Int64(bitPattern: hash ^ hash >> 32)
  }
}
