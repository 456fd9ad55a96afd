import MillraceColumnar

/// Numbers in one block of memory that grows, for indexes that are kept from batch to batch. Reads and writes are not checked.
struct RawArray<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 64) {
    self.capacity = max(capacity, 1)
    base = RawMemory.allocate(Element.self, capacity: self.capacity)
  }

  deinit { RawMemory.deallocate(base, capacity: capacity) }

  var byteCount: Int { capacity * MemoryLayout<Element>.stride }

  subscript(index: Int) -> Element {
    @inline(__always) get { base[index] }
    @inline(__always) nonmutating set { base[index] = newValue }
  }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow(to: count + 1) }
    base[count] = element
    count += 1
  }

  /// Makes the array at least `length` long; new elements are `element`.
  mutating func extend(to length: Int, with element: Element) {
    guard length > count else { return }
    if length > capacity { grow(to: length) }
    (base + count).update(repeating: element, count: length - count)
    count = length
  }

  mutating func removeLast() -> Element {
    count -= 1
    return base[count]
  }

  /// Forgets what follows the first `length` elements.
  mutating func truncate(to length: Int) { count = length }

  private mutating func grow(to length: Int) {
    let size = max(length, capacity * 2)
    base = RawMemory.grow(base, capacity: capacity, used: count, to: size)
    capacity = size
  }
}
