public import MillraceColumnar
public import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

extension GroupedData {
  /// Calls a processor with the rows of each key and gives what it gives.
  ///
  /// - Parameters:
  ///   - processor: makes the processor; called once for each run of a query.
  ///   - outputSchema: the columns that the processor gives, as DDL.
  ///   - outputMode: that of the query: append, or update, in which no other stateful operator can stand beside it.
  ///   - timeMode: what timers go by. In event-time mode the input needs a watermark, and late rows are left out.
  ///   - eventTimeColumn: the column of the output that has event time, so that windows and other operators behind it, which append mode
  ///     allows, know of it. A row with a time before the watermark is then an error.
  public func transformWithState(
    _ processor: @escaping @Sendable () -> some StatefulProcessor, outputSchema: String,
    outputMode: OutputMode = .append, timeMode: TimeMode = .none, eventTimeColumn: String? = nil
  ) -> DataFrame {
    do {
      return transformWithState(
        processor, outputSchema: try SQLParser.parseSchema(outputSchema), outputMode: outputMode, timeMode: timeMode,
        eventTimeColumn: eventTimeColumn)
    } catch {
      return parent.failing(error)
    }
  }

  /// The same with the output's columns as a schema.
  public func transformWithState(
    _ processor: @escaping @Sendable () -> some StatefulProcessor, outputSchema: Schema,
    outputMode: OutputMode = .append, timeMode: TimeMode = .none, eventTimeColumn: String? = nil
  ) -> DataFrame {
    parent.then { analyzer, before in
      guard case .plain = form else {
        throw MillraceError(
          "UNSUPPORTED_GROUPING", "transformWithState takes plain keys, not rollup or cube", hint: "use groupBy")
      }
      let keys = try keys.get()
      let star = SQLExpression(.star(qualifier: [], except: []))
      // Keys may be computed; they stand behind the columns that the program sees.
      let names = keys.indices.map { "__key_\($0)" }
      let computed = zip(keys, names).map { SQLExpression(.alias($0.unaliased, [$1])) }
      let plan = try analyzer.select([star] + computed, from: before).plan
      let input = Array(plan.output.dropLast(keys.count))
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
      let factory = ProcessorFactory(
        make: processor, keyNames: keys.map { Self.name(of: $0) }, inputNames: input.map(\.name),
        output: outputSchema)
      return .transform(
        TransformNode(
          keys: Array(plan.output.suffix(keys.count)), input: input, output: output, timeMode: timeMode,
          outputMode: outputMode, eventTimeColumn: eventTime, program: factory, child: plan))
    }
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
