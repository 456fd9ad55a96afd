import MillraceColumnar
import MillracePlan

/// Turns values of a Swift type into the bytes of a state store and back.
struct StateCoder<Element: SQLValue>: Sendable {
  private let codec = RowCodec([Element.sqlType], isCanonical: true)

  func encode(_ value: Element) -> [UInt8] {
    let builder = ColumnBuilder(Element.sqlType, capacity: 1)
    value.append(to: builder)
    return codec.encode([builder.finish()], row: 0)
  }

  func decode(_ bytes: some Sequence<UInt8>) throws -> Element {
    let builder = ColumnBuilder(Element.sqlType, capacity: 1)
    try Array(bytes).withUnsafeBytes { try codec.decode($0, into: [builder]) }
    return Element.read(builder.finish(), 0)
  }
}

/// A variable's part of the state of the key that a call is about.
struct StateSlot {
  let state: any KeyedState
  let variable: Int32
  /// Microseconds; nil: values live on.
  let timeToLive: Int64?

  /// A part, without regard to whether its time is over.
  func entry(_ part: [UInt8]) throws -> StateEntry? { try state.get(variable, [part])[0] }
  func entries(_ parts: [[UInt8]]) throws -> [StateEntry?] { try state.get(variable, parts) }
  func put(_ part: [UInt8], _ bytes: [UInt8], expires: Bool) {
    state.put(variable, part, bytes, timeToLive: expires ? timeToLive : nil)
  }
  func remove(_ part: [UInt8]) { state.remove(variable, part) }

  /// A number kept in a part; 0 where there is none.
  func number(_ part: [UInt8]) throws -> UInt32 { try entry(part).map { StateSlot.number(of: $0.bytes) } ?? 0 }
  func setNumber(_ part: [UInt8], _ number: UInt32) {
    if number == 0 { remove(part) } else { put(part, StateSlot.bytes(of: number), expires: false) }
  }

  static func bytes(of number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
  static func number(of bytes: some Sequence<UInt8>) -> UInt32 { bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}

/// A variable that tidies up when the time of one of its values is over.
protocol ExpiringState: AnyObject {
  func expire(_ part: [UInt8]) throws
}

/// One value for each key. Spark's `ValueState`.
public final class ValueState<Element: SQLValue>: ExpiringState {
  private let slot: StateSlot
  private let coder = StateCoder<Element>()

  init(_ slot: StateSlot) { self.slot = slot }

  /// Whether the key has a value.
  public func exists() throws -> Bool { try slot.entry([]).map { !$0.isExpired } ?? false }
  /// The key's value, nil where it has none.
  public func get() throws -> Element? {
    try slot.entry([]).flatMap { $0.isExpired ? nil : try coder.decode($0.bytes) }
  }
  /// Sets the key's value; its time to live begins anew.
  public func update(_ value: Element) throws { slot.put([], coder.encode(value), expires: true) }
  /// Removes the key's value.
  public func clear() throws { slot.remove([]) }

  func expire(_ part: [UInt8]) throws {
    if try slot.entry([])?.isExpired ?? false { try clear() }
  }
}

/// A list of values for each key; appending does not read or write what is there. Spark's `ListState`.
///
/// Values stand in parts numbered on and on, between the first and the last that one more part tells.
public final class ListState<Element: SQLValue>: ExpiringState {
  private let slot: StateSlot
  private let coder = StateCoder<Element>()

  init(_ slot: StateSlot) { self.slot = slot }

  private func bounds() throws -> Range<UInt32> {
    guard let bytes = try slot.entry([])?.bytes else { return 0..<0 }
    return StateSlot.number(of: bytes)..<StateSlot.number(of: bytes.dropFirst(4))
  }
  private func setBounds(_ bounds: Range<UInt32>) {
    if bounds.isEmpty { return slot.remove([]) }
    slot.put([], StateSlot.bytes(of: bounds.lowerBound) + StateSlot.bytes(of: bounds.upperBound), expires: false)
  }
  private func live() throws -> [StateEntry] {
    try slot.entries(bounds().map { StateSlot.bytes(of: $0) }).compactMap { $0 }.filter { !$0.isExpired }
  }

  /// Whether the key has a value.
  public func exists() throws -> Bool { try !live().isEmpty }
  /// The key's values in order.
  public func get() throws -> [Element] { try live().map { try coder.decode($0.bytes) } }
  /// Puts values in the place of all that there are.
  public func put(_ values: [Element]) throws {
    try clear()
    try appendList(values)
  }
  /// Adds a value at the end.
  public func appendValue(_ value: Element) throws { try appendList([value]) }
  /// Adds values at the end.
  public func appendList(_ values: [Element]) throws {
    let known = try bounds()
    var end = known.upperBound
    for value in values {
      slot.put(StateSlot.bytes(of: end), coder.encode(value), expires: true)
      end += 1
    }
    setBounds(known.lowerBound..<end)
  }
  /// Removes all values.
  public func clear() throws {
    for number in try bounds() { slot.remove(StateSlot.bytes(of: number)) }
    setBounds(0..<0)
  }

  func expire(_ part: [UInt8]) throws {
    // A value that was put there since has a time of its own.
    guard try slot.entry(part)?.isExpired ?? false else { return }
    slot.remove(part)
    var left = try bounds()
    while let first = left.first, try slot.entry(StateSlot.bytes(of: first)) == nil { left = left.dropFirst() }
    setBounds(left)
  }
}

/// Values by a key of their own, for each key of the stream. Spark's `MapState`.
///
/// Beside each entry stands a directory of the keys by number, so that all can be listed without a look at other keys' state.
public final class MapState<Key: SQLValue & Hashable, Element: SQLValue>: ExpiringState {
  private let slot: StateSlot
  private let keys = StateCoder<Key>()
  private let values = StateCoder<Element>()

  init(_ slot: StateSlot) { self.slot = slot }

  private static func entryPart(_ key: some Sequence<UInt8>) -> [UInt8] { [1] + key }
  private static func directoryPart(_ number: UInt32) -> [UInt8] { [2] + StateSlot.bytes(of: number) }

  private func entry(_ key: Key) throws -> StateEntry? { try slot.entry(Self.entryPart(keys.encode(key))) }

  /// Whether the key of the stream has an entry.
  public func exists() throws -> Bool { try !liveEntries().isEmpty }
  /// The value of a key, nil where there is none.
  public func getValue(_ key: Key) throws -> Element? {
    try entry(key).flatMap { $0.isExpired ? nil : try values.decode($0.bytes.dropFirst(4)) }
  }
  /// Whether there is an entry of a key.
  public func containsKey(_ key: Key) throws -> Bool { try entry(key).map { !$0.isExpired } ?? false }
  /// Sets the value of a key; its time to live begins anew.
  public func updateValue(_ key: Key, _ value: Element) throws {
    let bytes = keys.encode(key)
    let number: UInt32
    if let known = try slot.entry(Self.entryPart(bytes)) {
      number = StateSlot.number(of: known.bytes)
    } else {
      number = try slot.number([])
      slot.put(Self.directoryPart(number), bytes, expires: false)
      slot.setNumber([], number + 1)
    }
    slot.put(Self.entryPart(bytes), StateSlot.bytes(of: number) + values.encode(value), expires: true)
  }
  /// Removes the entry of a key.
  public func removeKey(_ key: Key) throws { try remove(Self.entryPart(keys.encode(key))) }

  /// All entries, in no order that means anything but the same when a batch is computed again.
  public func iterator() throws -> [(key: Key, value: Element)] {
    try liveEntries().map { (try keys.decode($0.key), try values.decode($0.value)) }
  }
  /// The keys of all entries.
  public func keyList() throws -> [Key] { try liveEntries().map { try keys.decode($0.key) } }
  /// The values of all entries.
  public func valueList() throws -> [Element] { try liveEntries().map { try values.decode($0.value) } }
  /// Removes all entries.
  public func clear() throws {
    for (number, key) in try directory().enumerated() {
      slot.remove(Self.entryPart(key))
      slot.remove(Self.directoryPart(UInt32(number)))
    }
    slot.setNumber([], 0)
  }

  private func directory() throws -> [[UInt8]] {
    try slot.entries((0..<(try slot.number([]))).map { Self.directoryPart($0) }).compactMap { $0?.bytes }
  }

  private func liveEntries() throws -> [(key: [UInt8], value: ArraySlice<UInt8>)] {
    let known = try directory()
    return zip(known, try slot.entries(known.map { Self.entryPart($0) })).compactMap { key, entry in
      entry.flatMap { $0.isExpired ? nil : (key, $0.bytes.dropFirst(4)) }
    }
  }

  /// Removes an entry; the last of the directory takes its number.
  private func remove(_ part: [UInt8]) throws {
    guard let entry = try slot.entry(part) else { return }
    let number = StateSlot.number(of: entry.bytes)
    let last = try slot.number([]) - 1
    slot.remove(part)
    if number != last, let moved = try slot.entry(Self.directoryPart(last)) {
      slot.put(Self.directoryPart(number), moved.bytes, expires: false)
      try renumber(Self.entryPart(moved.bytes), number)
    }
    slot.remove(Self.directoryPart(last))
    slot.setNumber([], last)
  }

  private func renumber(_ part: [UInt8], _ number: UInt32) throws {
    guard let entry = try slot.entry(part) else { return }
    slot.state.rewrite(slot.variable, part, StateSlot.bytes(of: number) + entry.bytes.dropFirst(4))
  }

  func expire(_ part: [UInt8]) throws {
    guard try slot.entry(part)?.isExpired ?? false else { return }
    try remove(part)
  }
}
