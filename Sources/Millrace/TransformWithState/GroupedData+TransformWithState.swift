public import MillraceColumnar
public import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

extension GroupedData {
  /// Calls a processor with the rows of each key and gives what it gives.
  ///
  /// - Parameters:
  ///   - processor: makes the processor; called once for each partition and run of a query.
  ///   - outputSchema: the columns that the processor gives, as DDL.
  ///   - outputMode: that of the query: append, or update, in which no other stateful operator can stand beside it.
  ///   - timeMode: what timers go by. In event-time mode the input needs a watermark, and late rows are left out.
  ///   - eventTimeColumn: the column of the output that has event time, so that windows and other operators behind it, which append mode
  ///     allows, know of it. A row with a time before the watermark is then an error.
  ///   - partitions: how many processors share the keys and run side by side, a power of two up to 64. Rows come out partition by
  ///     partition. The number belongs to the checkpoint and cannot change between runs.
  public func transformWithState(
    _ processor: @escaping @Sendable () -> some StatefulProcessor, outputSchema: String,
    outputMode: OutputMode = .append, timeMode: TimeMode = .none, eventTimeColumn: String? = nil,
    partitions: Int = 1
  ) -> DataFrame {
    do {
      return transformWithState(
        processor, outputSchema: try SQLParser.parseSchema(outputSchema), outputMode: outputMode, timeMode: timeMode,
        eventTimeColumn: eventTimeColumn, partitions: partitions)
    } catch {
      return parent.failing(error)
    }
  }

  /// The same with the output's columns as a schema.
  public func transformWithState(
    _ processor: @escaping @Sendable () -> some StatefulProcessor, outputSchema: Schema,
    outputMode: OutputMode = .append, timeMode: TimeMode = .none, eventTimeColumn: String? = nil,
    partitions: Int = 1
  ) -> DataFrame {
    transform(processor, nil, outputSchema, outputMode, timeMode, eventTimeColumn, partitions)
  }

  /// The same with rows that the processor makes state of before the first batch of the query's whole life.
  ///
  /// `initialState` has bounded rows grouped by keys of the same types, in the same order; the processor sees all of its columns. Its
  /// checkpoint is the query's: a query that goes on does not read it again.
  public func transformWithState(
    _ processor: @escaping @Sendable () -> some StatefulProcessorWithInitialState, outputSchema: String,
    outputMode: OutputMode = .append, timeMode: TimeMode = .none, eventTimeColumn: String? = nil,
    partitions: Int = 1, initialState: GroupedData
  ) -> DataFrame {
    do {
      return transform(
        processor, initialState, try SQLParser.parseSchema(outputSchema), outputMode, timeMode, eventTimeColumn,
        partitions)
    } catch {
      return parent.failing(error)
    }
  }

  private func transform(
    _ processor: @escaping @Sendable () -> some StatefulProcessor, _ initialState: GroupedData?, _ outputSchema: Schema,
    _ outputMode: OutputMode, _ timeMode: TimeMode, _ eventTimeColumn: String?, _ partitions: Int
  ) -> DataFrame {
    parent.then { analyzer, before in
      guard (1...64).contains(partitions), partitions & (partitions - 1) == 0 else {
        throw MillraceError(
          "TRANSFORM_PARTITIONS", "transformWithState was given \(partitions) partitions",
          hint: "give a power of two from 1 to 64")
      }
      let (plan, keys, input) = try keyed(before, analyzer)
      let output = outputSchema.fields.map { Attribute($0.name, $0.type, isNullable: $0.isNullable) }
      let eventTime = try eventTimeColumn.map { name in
        guard let column = output.first(where: { $0.name.lowercased() == name.lowercased() }), column.type.isTimestamp
        else {
          throw MillraceError(
            "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", "the output `\(outputSchema.ddl)` has no timestamp `\(name)`",
            hint: "name a TIMESTAMP column of the output")
        }
        return column
      }
      let initial = try initialState.map { try $0.asInitialState(analyzer, of: keys) }
      let factory = ProcessorFactory(
        make: processor, keyNames: try self.keys.get().map { Self.name(of: $0) }, inputNames: input.map(\.name),
        initialNames: initial?.columns.map(\.name) ?? [], output: outputSchema)
      var node = TransformNode(
        keys: keys, input: input, output: output, timeMode: timeMode, outputMode: outputMode,
        eventTimeColumn: eventTime, program: factory, initialState: initial, child: plan)
      node.partitions = keys.isEmpty ? 1 : partitions
      return .transform(node)
    }
  }

  /// A plan with the keys behind the columns that a program sees: they may be computed.
  private func keyed(_ before: LogicalPlan, _ analyzer: Analyzer) throws -> (
    plan: LogicalPlan, keys: [Attribute], columns: [Attribute]
  ) {
    guard case .plain = form else {
      throw MillraceError(
        "UNSUPPORTED_GROUPING", "transformWithState takes plain keys, not rollup or cube", hint: "use groupBy")
    }
    let keys = try self.keys.get()
    let star = SQLExpression(.star(qualifier: [], except: []))
    let names = keys.indices.map { "__key_\($0)" }
    let computed = zip(keys, names).map { SQLExpression(.alias($0.unaliased, [$1])) }
    let plan = try analyzer.select([star] + computed, from: before).plan
    return (plan, Array(plan.output.suffix(keys.count)), Array(plan.output.dropLast(keys.count)))
  }

  private func asInitialState(_ analyzer: Analyzer, of keys: [Attribute]) throws -> TransformNode.InitialState {
    let rows = analyzer.adopt(try parent.analyzed()).withFreshAttributes()
    if rows.isStreaming {
      throw MillraceError(
        "INITIAL_STATE_OF_STREAM", "the initial state of transformWithState is a stream",
        hint: "give it bounded rows, such as spark.read gives")
    }
    let (plan, own, columns) = try keyed(rows, analyzer)
    guard own.map(\.type) == keys.map(\.type) else {
      throw MillraceError(
        "INITIAL_STATE_KEYS_MISMATCH",
        "the initial state is grouped by (\(own.map(\.type.sql).joined(separator: ", "))), the rows by (\(keys.map(\.type.sql).joined(separator: ", ")))",
        hint: "group both by keys of the same types in the same order, with casts where they differ")
    }
    return TransformNode.InitialState(keys: own, columns: columns, plan: plan)
  }

  private static func name(of key: SQLExpression) -> String {
    switch key.kind {
    case .alias(_, let names): names.first ?? ""
    case .column(let parts): parts.last ?? ""
    case .field(_, let name): name
    default: ""
    }
  }
}
