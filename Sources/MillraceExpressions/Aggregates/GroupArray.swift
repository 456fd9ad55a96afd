import CKernels
import Glibc
import MillraceColumnar

/// One value per group in raw memory that grows. Loops take `base` or `values` into a local before they start.
final class GroupArray<Element: BitwiseCopyable> {
  private let memory: GroupMemory
  private(set) var count = 0
  private let empty: Element

  /// Groups start with `empty`.
  init(_ empty: Element) {
    self.empty = empty
    memory = GroupMemory(capacity: 16 * MemoryLayout<Element>.stride)
  }

  /// The values, to be changed.
  var base: UnsafeMutablePointer<Element> { memory.base.assumingMemoryBound(to: Element.self) }

  /// The values, to be read only.
  var values: UnsafePointer<Element> { memory.bytes.assumingMemoryBound(to: Element.self) }

  /// Makes room for `groupCount` groups.
  func reserve(_ groupCount: Int) {
    guard groupCount > count else { return }
    memory.extend(to: groupCount * MemoryLayout<Element>.stride)
    (base + count).initialize(repeating: empty, count: groupCount - count)
    count = groupCount
  }

  /// The first values as a vector whose physical type is `Element`. It has this memory, which is copied only if it is changed while the
  /// vector is there.
  func vector(_ type: DataType, _ groupCount: Int, validity: Bitmap? = nil, owners: [AnyObject] = []) -> ColumnVector {
    ColumnVector(type: type, count: groupCount, values: memory.buffer(), validity: validity, owners: owners)
  }

  /// The values of some groups as a vector whose physical type is `Element`.
  func vector(
    _ type: DataType, of groups: UnsafePointer<UInt32>, count: Int, validity: Bitmap? = nil, owners: [AnyObject] = []
  ) -> ColumnVector {
    let out = MemoryBuffer(capacity: count * MemoryLayout<Element>.stride)
    values.gather(groups, count, into: out.base.assumingMemoryBound(to: Element.self))
    return ColumnVector(type: type, count: count, values: out, validity: validity, owners: owners)
  }
}

extension GroupArray where Element == UInt8 {
  /// The first flags as validity; nil when all are set.
  func validity(_ groupCount: Int) -> Bitmap? {
    var missing = 0
    let flags = values
    for group in 0..<groupCount where flags[group] == 0 { missing += 1 }
    return missing == 0 ? nil : Bitmap(bytes: flags, count: groupCount)
  }

  /// Validity of some groups, of which those are valid whose flag `isValid`; nil when all are.
  @inline(__always)
  func validity(of groups: UnsafePointer<UInt32>, count: Int, where isValid: (UInt8) -> Bool) -> Bitmap? {
    var nulls = NullTracker(count: count)
    let flags = values
    if let first = groups.firstOfRun(count) {
      var validCount = 0
      for group in first..<first + count { validCount &+= isValid(flags[group]) ? 1 : 0 }
      if validCount == count { return nil }
    }
    for row in 0..<count where !isValid(flags[Int(truncatingIfNeeded: groups[row])]) { nulls.setNull(row) }
    return nulls.validity
  }
}

/// Groups by number. Those that came in one batch follow one another.
extension UnsafePointer<UInt32> {
  /// The first of `count` groups, if each is the one behind the one before it.
  func firstOfRun(_ count: Int) -> Int? {
    guard count > 0, self[count - 1] &- self[0] == UInt32(truncatingIfNeeded: count - 1) else { return nil }
    let first = self[0]
    var differing: UInt32 = 0
    for row in 0..<count { differing |= self[row] ^ (first &+ UInt32(truncatingIfNeeded: row)) }
    return differing == 0 ? Int(first) : nil
  }
}

extension UnsafePointer where Pointee: BitwiseCopyable {
  /// Copies the values of `count` groups.
  @inline(__always)
  func gather(_ groups: UnsafePointer<UInt32>, _ count: Int, into target: UnsafeMutablePointer<Pointee>) {
    if let first = groups.firstOfRun(count) {
      target.update(from: self + first, count: count)
    } else {
      for row in 0..<count { target[row] = self[Int(truncatingIfNeeded: groups[row])] }
    }
  }
}

/// Loops over the rows of a vector that are not null, with the group of each.
enum Rows {
  /// `body(group, value)` for every value.
  @inline(__always)
  static func forEach<T>(
    _ vector: ColumnVector, as _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int, _ body: (Int, T) -> Void
  ) {
    let values = vector.values(as: T.self)
    guard let validity = vector.validity else {
      if vector.isConstant {
        if rowCount == 0 { return }
        let value = values[0]
        for row in 0..<rowCount { body(Int(truncatingIfNeeded: groups[row]), value) }
      } else {
        for row in 0..<rowCount { body(Int(truncatingIfNeeded: groups[row]), values[row]) }
      }
      return
    }
    if vector.isConstant {
      if rowCount == 0 || !validity[0] { return }
      let value = values[0]
      for row in 0..<rowCount { body(Int(truncatingIfNeeded: groups[row]), value) }
      return
    }
    let words = validity.words
    for row in 0..<rowCount where (words[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1 != 0 {
      body(Int(truncatingIfNeeded: groups[row]), values[row])
    }
  }

  /// `body(group)` for every row. Where the groups' values are many, those of later rows are fetched ahead.
  @inline(__always)
  static func forEachGroup<T>(
    _ groups: UnsafePointer<UInt32>, _ rowCount: Int, _ values: UnsafeMutablePointer<T>, _ groupCount: Int,
    _ body: (Int) -> Void
  ) {
    let ahead = 24
    var row = 0
    if groupCount * MemoryLayout<T>.stride > 1 << 16 {
      while row &+ ahead < rowCount {
        ck_prefetch(values + Int(truncatingIfNeeded: groups[row &+ ahead]))
        body(Int(truncatingIfNeeded: groups[row]))
        row &+= 1
      }
    }
    while row < rowCount {
      body(Int(truncatingIfNeeded: groups[row]))
      row &+= 1
    }
  }

  /// `body(group, row)` for every row in which no vector is null.
  @inline(__always)
  static func forEachPresent(
    _ vectors: [ColumnVector], _ groups: UnsafePointer<UInt32>, _ rowCount: Int, _ body: (Int, Int) -> Void
  ) {
    guard let validity = present(vectors, rowCount) else {
      for row in 0..<rowCount { body(Int(truncatingIfNeeded: groups[row]), row) }
      return
    }
    let words = validity.words
    for row in 0..<rowCount where (words[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1 != 0 {
      body(Int(truncatingIfNeeded: groups[row]), row)
    }
  }

  /// Rows in which no vector is null; nil if those are all.
  static func present(_ vectors: [ColumnVector], _ rowCount: Int) -> Bitmap? {
    var result: Bitmap?
    for vector in vectors {
      guard let validity = vector.validity else { continue }
      if vector.isConstant {
        if rowCount > 0 && !validity[0] { return Bitmap(count: rowCount, all: false) }
      } else {
        result = .and(result, validity)
      }
    }
    return result
  }

  /// Numeric values as doubles; decimals are scaled.
  static func doubles(_ vector: ColumnVector) -> ColumnVector {
    switch vector.type {
    case .double: return vector
    case .decimal(_, let scale):
      let unit = pow(10, Double(scale))
      return .map(.double, vector) { (value: Int128) in Double(value) / unit }
    default: break
    }
    switch vector.type.physical {
    case .int8: return .map(.double, vector) { (value: Int8) in Double(value) }
    case .int16: return .map(.double, vector) { (value: Int16) in Double(value) }
    case .int32: return .map(.double, vector) { (value: Int32) in Double(value) }
    case .int64: return .map(.double, vector) { (value: Int64) in Double(value) }
    case .float: return .map(.double, vector) { (value: Float) in Double(value) }
    default: return .nulls(.double, count: vector.count)
    }
  }
}
