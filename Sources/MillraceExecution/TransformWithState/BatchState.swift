import MillraceColumnar
import MillraceCore
import MillracePlan

/// The keyed state of a program during one batch: what was read or changed so far, over what the store has.
///
/// The store's key is the grouping key, the variable's number and a part of the variable as bytes; its values are bytes and the time at
/// which the row is due: a timer's, or the end of a value's life. Reads go to the store a batch at a time, changes go there at the end.
final class BatchState: KeyedState {
  /// Rows of the store that belong to no variable of the program.
  private enum Reserved {
    /// A key's timers as one list.
    static let timers: Int32 = -1
    /// One row for each timer, found by its time.
    static let alarms: Int32 = -2
    /// The program's variables by name, without a key.
    static let catalogue: Int32 = -3
  }

  private struct Place: Hashable {
    var group: UInt32
    var variable: Int32
    var part: [UInt8]
  }

  private struct Cell {
    var place: Place
    var bytes: [UInt8]?
    var due: Int64?
    var isChanged = false
  }

  /// Something whose time has come.
  struct Due {
    var group: UInt32
    var variable: Int32
    var part: [UInt8]
    var time: Int64
    var isTimer: Bool { variable == Reserved.alarms }
  }

  let timeMode: TimeMode
  let keyTypes: [DataType]
  private let store: any StateStore
  private var table: GroupTable
  private var cells: [Cell] = []
  private var index: [Place: Int] = [:]
  private var variables: [String: (id: Int32, variable: StateVariable)] = [:]
  private var declared: [StateVariable] = []
  private var current: UInt32 = 0
  private(set) var times = StateTimes(processing: 0, watermark: 0)
  /// The store, where it finds what is due by itself.
  private let indexed: (any TimeIndexedStateStore)?
  /// Times at which something is due by processing time, or was and is no more.
  private var dueTimes = DueTimes()
  /// By processing time nothing in the store is due before; nil: nothing is due ever.
  var nextDue: Int64? { dueTimes.first }
  private(set) var updated: Int64 = 0
  private(set) var removed: Int64 = 0

  /// Types of the store's keys and values for grouping keys of the given flat types.
  static func keyTypes(_ flat: [DataType]) -> [DataType] { flat + [.integer, .binary] }
  static let valueTypes: [DataType] = [.binary, .long]

  init(_ store: any StateStore, keyTypes: [DataType], timeMode: TimeMode) {
    self.store = store
    self.keyTypes = keyTypes
    self.timeMode = timeMode
    table = GroupTable(keyTypes: keyTypes)
    indexed = timeMode == .none ? nil : store as? any TimeIndexedStateStore
    indexed?.indexTimes(of: .value(1))
  }

  // MARK: A batch

  /// Reads what the store was restored with: the variables, and when something is due.
  func load() throws {
    (variables, declared) = ([:], [])
    try store.measured.scan { keys, values, count in
      let numbers = keys[keyTypes.count].values(as: Int32.self)
      for row in 0..<count {
        if !values[1].isNull(row) { note(values[1].values(as: Int64.self)[values[1].slot(row)]) }
        guard numbers[keys[keyTypes.count].slot(row)] == Reserved.catalogue else { continue }
        let name = String(decoding: keys[keyTypes.count + 1].bytes(row), as: UTF8.self)
        variables[name] = try Self.decode(Array(values[0].bytes(row)), name)
      }
    }
  }

  /// Begins a batch: forgets the cells of the one before and finds the groups of keys.
  func begin(_ times: StateTimes, _ keys: [ColumnVector], count: Int) throws -> [UInt32] {
    self.times = times
    (updated, removed) = (0, 0)
    table = GroupTable(keyTypes: keyTypes)
    cells = []
    index = [:]
    let groups = [UInt32](unsafeUninitializedCapacity: count) { buffer, used in
      used = count
      if let base = buffer.baseAddress { table.findOrInsert(keys, count: count, into: base) }
    }
    let places = (0..<UInt32(table.groupCount)).flatMap { group in
      (declared.compactMap { variables[$0.name]?.id } + (timeMode == .none ? [] : [Reserved.timers])).map {
        Place(group: group, variable: $0, part: [])
      }
    }
    _ = try read(places)
    return groups
  }

  var groupCount: Int { table.groupCount }

  /// The keys of all groups of the batch, by number.
  func keyColumns() -> [ColumnVector] { table.keyColumns() }

  /// From here on calls are about the key of a group.
  func enter(_ group: UInt32) { current = group }

  /// What is due, earliest first, as it stood when the call began. Groups are made for keys that the batch has not.
  func due() throws -> [Due] {
    let now = timeMode == .eventTime ? times.watermark : times.processing
    try flush()
    if timeMode == .none || store.rowCount == 0 { return [] }
    if timeMode == .processingTime {
      guard let nextDue, nextDue <= now else { return [] }
      dueTimes.remove(through: now)
    }
    var found: [Due] = []
    if let indexed {
      try store.measured.scan(through: now, in: indexed) { keys, values, count in
        add(keys, values, Selection.range(0..<count), to: &found)
      }
    } else {
      try store.measured.scan { keys, values, count in
        let dues = values[1].values(as: Int64.self)
        let rows = (0..<count).filter { !values[1].isNull($0) && dues[values[1].slot($0)] <= now }
        if !rows.isEmpty { add(keys, values, Selection(rows), to: &found) }
      }
    }
    return found.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
  }

  private func add(_ keys: [ColumnVector], _ values: [ColumnVector], _ rows: Selection, to found: inout [Due]) {
    let columns = keys.prefix(keyTypes.count).map { $0.gathered(rows) }
    var groups = [UInt32](repeating: 0, count: rows.count)
    table.findOrInsert(columns, count: rows.count, into: &groups)
    let numbers = keys[keyTypes.count], dues = values[1].values(as: Int64.self)
    for (position, group) in groups.enumerated() {
      let row = Int(rows.rows[position])
      found.append(
        Due(
          group: group, variable: numbers.values(as: Int32.self)[numbers.slot(row)],
          part: Array(keys[keyTypes.count + 1].bytes(row)), time: dues[values[1].slot(row)]))
    }
  }

  private func note(_ time: Int64) { if timeMode == .processingTime { dueTimes.insert(time) } }

  /// Writes the changes to the store.
  func flush() throws {
    let changed = cells.indices.filter { cells[$0].isChanged }
    let puts = changed.filter { cells[$0].bytes != nil }
    let removals = changed.filter { cells[$0].bytes == nil }
    if !removals.isEmpty {
      try store.measured.remove(keys: keyColumns(of: removals.map { cells[$0].place }), count: removals.count)
    }
    if !puts.isEmpty {
      let bytes = ColumnBuilder(.binary, capacity: puts.count)
      let dues = ColumnBuilder(.long, capacity: puts.count)
      for cell in puts {
        (cells[cell].bytes ?? []).withUnsafeBytes { bytes.append(bytes: $0) }
        if let due = cells[cell].due {
          dues.append(raw: due)
          note(due)
        } else {
          dues.appendNull()
        }
      }
      try store.measured.put(
        keys: keyColumns(of: puts.map { cells[$0].place }), values: [bytes.finish(), dues.finish()], count: puts.count)
    }
    updated += Int64(puts.count)
    removed += Int64(removals.count)
    for cell in changed { cells[cell].isChanged = false }
  }

  private func keyColumns(of places: [Place]) -> [ColumnVector] {
    let variables = ColumnBuilder(.integer, capacity: places.count)
    let parts = ColumnBuilder(.binary, capacity: places.count)
    for place in places {
      variables.append(raw: place.variable)
      place.part.withUnsafeBytes { parts.append(bytes: $0) }
    }
    let keys: [ColumnVector]
    if places.first?.variable == Reserved.catalogue {
      keys = keyTypes.map { ColumnVector.nulls($0, count: places.count).flattened() }
    } else {
      keys = table.keyColumns(places.map(\.group), count: places.count)
    }
    return keys + [variables.finish(), parts.finish()]
  }

  // MARK: Cells

  /// Positions of the cells of places, read from the store where they are not known yet.
  private func read(_ places: [Place]) throws -> [Int] {
    var unknown: [Place] = []
    for place in places where index[place] == nil {
      index[place] = cells.count
      cells.append(Cell(place: place))
      unknown.append(place)
    }
    if !unknown.isEmpty && store.rowCount > 0 {
      let known = try store.measured.get(keys: keyColumns(of: unknown), count: unknown.count)
      let found = known.found.values(as: UInt8.self)
      for (row, place) in unknown.enumerated() where found[known.found.slot(row)] != 0 {
        guard let cell = index[place] else { continue }
        cells[cell].bytes = Array(known.values[0].bytes(row))
        let due = known.values[1]
        cells[cell].due = due.isNull(row) ? nil : due.values(as: Int64.self)[due.slot(row)]
      }
    }
    return places.compactMap { index[$0] }
  }

  private func set(_ place: Place, _ bytes: [UInt8]?, due: Int64? = nil) {
    let cell = Cell(place: place, bytes: bytes, due: due, isChanged: true)
    if let known = index[place] {
      cells[known] = cell
    } else {
      index[place] = cells.count
      cells.append(cell)
    }
  }

  func get(_ variable: Int32, _ parts: [[UInt8]]) throws -> [StateEntry?] {
    try read(parts.map { Place(group: current, variable: variable, part: $0) }).map { position in
      let cell = cells[position]
      return cell.bytes.map { StateEntry(bytes: $0, isExpired: cell.due.map { $0 <= times.processing } ?? false) }
    }
  }

  func put(_ variable: Int32, _ part: [UInt8], _ bytes: [UInt8], timeToLive: Int64?) {
    set(
      Place(group: current, variable: variable, part: part), bytes, due: timeToLive.map { times.processing &+ $0 })
  }

  func rewrite(_ variable: Int32, _ part: [UInt8], _ bytes: [UInt8]) {
    let place = Place(group: current, variable: variable, part: part)
    set(place, bytes, due: index[place].flatMap { cells[$0].due })
  }

  func remove(_ variable: Int32, _ part: [UInt8]) {
    set(Place(group: current, variable: variable, part: part), nil)
  }

  // MARK: Timers

  private func timerCell() throws -> Place {
    guard timeMode != .none else {
      throw MillraceError(
        "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE",
        "timers need a time mode, and transformWithState was given none",
        hint: "give timeMode: .eventTime or .processingTime")
    }
    return Place(group: current, variable: Reserved.timers, part: [])
  }

  func timers() throws -> [Int64] {
    let bytes = cells[try read([timerCell()])[0]].bytes ?? []
    return bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 8).map { raw.loadUnaligned(fromByteOffset: $0, as: Int64.self) }
    }
  }

  private func setTimers(_ timers: [Int64]) throws {
    set(try timerCell(), timers.isEmpty ? nil : timers.flatMap { withUnsafeBytes(of: $0) { Array($0) } })
  }

  private func alarm(_ time: Int64) -> Place {
    Place(group: current, variable: Reserved.alarms, part: withUnsafeBytes(of: time.bigEndian) { Array($0) })
  }

  func registerTimer(_ time: Int64) throws {
    let known = try timers()
    if known.contains(time) { return }
    try setTimers((known + [time]).sorted())
    set(alarm(time), [], due: time)
  }

  func deleteTimer(_ time: Int64) throws {
    let known = try timers()
    guard known.contains(time) else { return }
    try setTimers(known.filter { $0 != time })
    set(alarm(time), nil)
  }

  // MARK: Variables

  func declare(_ variable: StateVariable) throws -> Int32 {
    if declared.contains(where: { $0.name == variable.name }) {
      throw MillraceError(
        "STATE_STORE_DUPLICATE_STATE_VARIABLE_DEFINED", "the state variable '\(variable.name)' is declared twice")
    }
    declared.append(variable)
    if let known = variables[variable.name] {
      guard known.variable == variable else {
        throw MillraceError(
          "STATE_SCHEMA_INCOMPATIBLE",
          "the state variable '\(variable.name)' was \(known.variable.kind) of \(known.variable.type), and is now \(variable.kind) of \(variable.type)",
          hint: "give the variable a new name, or start with a new checkpoint")
      }
      return known.id
    }
    let id = (variables.values.map(\.id).max() ?? -1) + 1
    variables[variable.name] = (id, variable)
    set(
      Place(group: 0, variable: Reserved.catalogue, part: Array(variable.name.utf8)), Self.encode(id, variable))
    return id
  }

  func forget(_ name: String) throws {
    guard let known = variables[name] else { return }
    if declared.contains(where: { $0.name == name }) {
      throw MillraceError("STATE_VARIABLE_IN_USE", "the state variable '\(name)' is declared and deleted at once")
    }
    variables[name] = nil
    set(Place(group: 0, variable: Reserved.catalogue, part: Array(name.utf8)), nil)
    var gone: [[ColumnVector]] = []
    try store.measured.scan { keys, _, count in
      let numbers = keys[keyTypes.count]
      let rows = (0..<count).filter { numbers.values(as: Int32.self)[numbers.slot($0)] == known.id }
      if !rows.isEmpty { gone.append(keys.map { $0.gathered(Selection(rows)) }) }
    }
    for keys in gone { try store.measured.remove(keys: keys, count: keys[0].count) }
  }

  private static let catalogueCodec = RowCodec([.integer, .string, .string], isCanonical: false)

  private static func encode(_ id: Int32, _ variable: StateVariable) -> [UInt8] {
    let values: [Value] = [.integer(Int64(id)), .string(variable.kind), .string(variable.type)]
    let columns = zip(values, catalogueCodec.types).map { ColumnVector.of([$0], type: $1) }
    return catalogueCodec.encode(columns, row: 0)
  }

  private static func decode(_ bytes: [UInt8], _ name: String) throws -> (Int32, StateVariable) {
    let builders = catalogueCodec.types.map { ColumnBuilder($0, capacity: 1) }
    try bytes.withUnsafeBytes { try catalogueCodec.decode($0, into: builders) }
    let row = builders.map { $0.finish().value(0) }
    guard case .integer(let id) = row[0], case .string(let kind) = row[1], case .string(let type) = row[2] else {
      throw MillraceError("STATE_ROW_DAMAGED", "the state variable '\(name)' cannot be read", fault: .external)
    }
    return (Int32(truncatingIfNeeded: id), StateVariable(name: name, kind: kind, type: type))
  }
}
