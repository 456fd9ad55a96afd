import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceSQL
import MillraceStreaming

/// One operator's state in a checkpoint.
struct StateTable {
  let state: CheckpointState
  let name: String
  /// Numbers of its stores, one per partition.
  let stores: [Int]
  let keys: Schema
  let values: Schema
  /// Columns of the rows that are kept as bytes.
  private let row: Schema?

  init(_ state: CheckpointState, operatorID: Int, joinSide: String? = nil) throws {
    var id = operatorID
    if let joinSide, let layout = state.layouts.first(where: { $0.operatorID == operatorID }) {
      guard layout.operatorName.hasPrefix("join ") else {
        throw MillraceError(
          "STATE_NOT_A_JOIN", "operator \(operatorID) is '\(layout.operatorName)', which has no sides",
          hint: "leave 'joinSide' out")
      }
      if layout.operatorName != "join \(joinSide)" { id += joinSide == "right" ? 1 : -1 }
    }
    stores = state.layouts.indices.filter { state.layouts[$0].operatorID == id }
    guard let layout = stores.first.map({ state.layouts[$0] }) else {
      let known = Set(state.layouts.map(\.operatorID)).sorted().map(String.init).joined(separator: ", ")
      throw MillraceError(
        "STATE_OPERATOR_NOT_FOUND", "the checkpoint has no stateful operator \(operatorID)",
        hint: known.isEmpty ? "its query keeps no state" : "operators are: \(known)")
    }
    self.state = state
    name = layout.operatorName
    keys = try Self.schema(layout.keys)
    values = try Self.schema(layout.values)
    row = try layout.row.map { try Self.schema($0) }
  }

  private static func schema(_ ddl: String) throws -> Schema {
    if ddl.isEmpty { return Schema() }
    do {
      return try SQLParser.parseSchema(ddl)
    } catch {
      throw MillraceError(error)
    }
  }

  /// The provider that a checkpoint names.
  static func provider(of state: CheckpointState, _ connectors: ConnectorRegistry) throws -> any StateStoreProvider {
    try StateStoreChoice(state.stateStore).provider(connectors)
  }

  private var types: StateTypes { StateTypes(keys: keys.types, values: values.types) }

  /// Versions that all partitions have.
  func versions(_ provider: any StateStoreProvider) throws -> ClosedRange<Int64> {
    let ranges = try stores.map { try state.versions($0, types, provider) }
    return (ranges.map(\.lowerBound).max() ?? 0)...state.lastVersion
  }

  /// As Spark has it: a struct of keys, a struct of values, the partition.
  var schema: Schema {
    Schema([
      StructField("key", .structure(keys.fields), isNullable: false),
      StructField("value", .structure(valueFields), isNullable: false),
      StructField("partition_id", .integer, isNullable: false),
    ])
  }

  private var valueFields: [StructField] {
    guard let row else { return values.fields }
    return [StructField(values.fields[0].name, .structure(row.fields))] + values.fields.dropFirst()
  }

  /// Calls `body` with the rows of a partition, batch by batch.
  func scan(
    partition: Int, version: Int64, _ provider: any StateStoreProvider, _ body: (RecordBatch) throws -> Void
  ) throws {
    let codec = row.map { RowCodec($0.types) }
    try state.scan(stores[partition], version: version, types, provider) { keys, values, count in
      var values = values
      if let codec, let row {
        values[0] = .structure(row.fields, try codec.decode(values[0]), count: count)
      }
      let columns: [ColumnVector] = [
        .structure(self.keys.fields, keys.map { $0.flattened() }, count: count),
        .structure(valueFields, values.map { $0.flattened() }, count: count),
        .constant(.integer(Int64(partition)), type: .integer, count: count),
      ]
      try body(RecordBatch(rowCount: count, columns: columns))
    }
  }
}
