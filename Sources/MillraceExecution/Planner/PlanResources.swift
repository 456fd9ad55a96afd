import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceFormats
import MillracePlan

/// The scans of a query by relation id. Streams are read once for all their uses, and so is a static input for those whose rows come out
/// together; each other use of it reads it anew.
final class ScanGroups {
  private let bindings: [Int: ScanBinding]
  let pool: WorkerPool
  private var streams: [Int: ScanGroup] = [:]
  private(set) var streamOrder: [ScanGroup] = []
  /// Static inputs that are shared by what is being planned; nil where none is.
  private var together: [Int: ScanGroup]?

  init(_ bindings: [Int: ScanBinding], pool: WorkerPool) {
    self.bindings = bindings
    self.pool = pool
  }

  /// When the tables that a plan reads are read anew.
  func reload(of plan: LogicalPlan) -> TableReload {
    if case .relation(let leaf) = plan, case .scan(let id, false) = leaf.content {
      return bindings[id]?.reload ?? .eachBatch
    }
    return plan.children.map { reload(of: $0) }.reduce(.never) { $0.combined(with: $1) }
  }

  /// Bytes of a table's files before decoding as far as it is known; nil for other inputs.
  func byteCount(_ id: Int) -> Int64? {
    guard case .bytes(let source, _) = bindings[id]?.input else { return nil }
    return source.backlog(after: nil)
  }

  /// Plans parts that run one after another, before any of their rows are used: a static input is read once for all of them.
  func sharing<Result>(_ plan: () throws -> Result) rethrows -> Result {
    if together != nil { return try plan() }
    together = [:]
    defer { together = nil }
    return try plan()
  }

  /// Plans a part that runs before others of `sharing` are read.
  func apart<Result>(_ plan: () throws -> Result) rethrows -> Result {
    let outer = together
    together = nil
    defer { together = outer }
    return try plan()
  }

  func group(_ id: Int) throws -> ScanGroup {
    if let known = streams[id] { return known }
    guard let binding = bindings[id] else {
      throw MillraceError("INTERNAL_ERROR", "relation \(id) has no source", fault: .bug)
    }
    guard binding.isStreaming else {
      if let known = together?[id] { return known }
      let group = ScanGroup(binding, streamIndex: nil, pool: pool)
      together?[id] = group
      return group
    }
    let group = ScanGroup(binding, streamIndex: streamOrder.count, pool: pool)
    streams[id] = group
    streamOrder.append(group)
    return group
  }
}

/// The state stores of a query, in the order in which its operators were planned.
final class StateStores {
  private let provider: any StateStoreProvider
  private let directory: String?
  private let environment: Environment
  private(set) var stores: [any StateStore] = []
  private(set) var fingerprints: [OperatorFingerprint] = []
  private(set) var layouts: [StateLayout] = []
  /// Whether some operator asks for a batch when the watermark moves.
  private(set) var runsOnWatermark = false
  /// What operators have to do when the query ends.
  private(set) var closers: [() -> Void] = []
  /// When operators have something due by processing time.
  private(set) var timers: [() throws -> Int64?] = []

  /// An operator has something to do when the query ends.
  func closing(_ body: @escaping () -> Void) { closers.append(body) }

  /// An operator tells when it has something due by processing time.
  func timing(_ body: @escaping () throws -> Int64?) { timers.append(body) }

  init(provider: any StateStoreProvider, directory: String?, environment: Environment) {
    self.provider = provider
    self.directory = directory
    self.environment = environment
  }

  /// Names of the columns of a store, for who reads the checkpoint; those without a name get a number.
  struct Names {
    var keys: [String] = []
    var values: [String] = []
    /// Columns of the row that the first value is.
    var row: Schema?
  }

  /// A store for one more operator, and the operator's number.
  func open(
    name: String, keyTypes: [DataType], valueTypes: [DataType], names: Names = Names(), content: String,
    runsOnWatermark: Bool
  ) throws -> (any StateStore, Int) {
    let (stores, index) = try open(
      name: name, partitions: 1, keyTypes: keyTypes, valueTypes: valueTypes, names: names, content: content,
      runsOnWatermark: runsOnWatermark)
    return (stores[0], index)
  }

  /// A store for each partition of one more operator, and the operator's number.
  func open(
    name: String, partitions: Int, keyTypes: [DataType], valueTypes: [DataType], names: Names = Names(),
    content: String, runsOnWatermark: Bool
  ) throws -> ([any StateStore], Int) {
    let index = fingerprints.count
    let keys = Self.schema(names.keys, keyTypes, "key"), values = Self.schema(names.values, valueTypes, "value")
    let own = try (0..<partitions).map { partition in
      let number = stores.count
      let store = try provider.open(
        operatorID: number, keyTypes: keyTypes, valueTypes: valueTypes, directory: directory.map { "\($0)/\(number)" },
        environment: environment)
      stores.append(store)
      layouts.append(
        StateLayout(
          operatorID: index, operatorName: name, partition: partition, keys: keys.ddl, values: values.ddl,
          row: names.row?.ddl))
      return store
    }
    fingerprints.append(
      OperatorFingerprint(
        name: "\(name) \(index)", content: content + (partitions == 1 ? "" : ", \(partitions) partitions")))
    if runsOnWatermark { self.runsOnWatermark = true }
    return (own, index)
  }

  /// Columns under their names; a name that comes again gets a number.
  private static func schema(_ names: [String], _ types: [DataType], _ word: String) -> Schema {
    var taken: Set<String> = []
    return Schema(
      types.enumerated().map { index, type in
        var name = index < names.count ? names[index] : types.count == 1 ? word : "\(word)_\(index + 1)"
        let stem = name
        var number = 2
        while !taken.insert(name.lowercased()).inserted {
          name = "\(stem)_\(number)"
          number += 1
        }
        return StructField(name, type)
      })
  }
}

/// The watermark definitions of a query.
final class Watermarks {
  private(set) var settings: [WatermarkSettings] = []

  /// Adds a definition and gives its number.
  func add(_ settings: WatermarkSettings) -> Int {
    self.settings.append(settings)
    return self.settings.count - 1
  }
}

/// Conditions that decoders can check.
enum PushedFilters {
  /// The parts of a condition of the form `column op constant` on columns of a scan.
  static func of(_ condition: Expression, _ leaf: LeafRelation) -> [PushedFilter] {
    guard case .scan = leaf.content else { return [] }
    return condition.conjuncts.compactMap { part in
      guard case .call(let function, let sides) = part, sides.count == 2, let comparison = comparison(function.name)
      else { return nil }
      if case .attribute(let column) = sides[0], case .literal(let value, let type) = sides[1] {
        return filter(column, comparison, value, type, leaf)
      }
      if case .literal(let value, let type) = sides[0], case .attribute(let column) = sides[1] {
        return filter(column, mirrored(comparison), value, type, leaf)
      }
      return nil
    }
  }

  private static func filter(
    _ column: Attribute, _ comparison: PushedFilter.Comparison, _ value: Value, _ type: DataType, _ leaf: LeafRelation
  ) -> PushedFilter? {
    guard let index = leaf.output.firstIndex(of: column), column.type == type, !value.isNull else { return nil }
    return PushedFilter(column: leaf.columns[index], comparison, value)
  }

  private static func comparison(_ name: String) -> PushedFilter.Comparison? {
    switch name {
    case "=", "==": .equal
    case "<": .less
    case "<=": .lessOrEqual
    case ">": .greater
    case ">=": .greaterOrEqual
    default: nil
    }
  }

  private static func mirrored(_ comparison: PushedFilter.Comparison) -> PushedFilter.Comparison {
    switch comparison {
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    case .equal, .notEqual: comparison
    }
  }
}
