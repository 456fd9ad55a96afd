import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Windows over event time, and window functions.
extension SelectAnalyzer {
  // MARK: Event-time windows

  /// The struct of the window that `time` lies in; a sliding window multiplies the rows below.
  func timeWindow(_ time: Expression, _ window: TimeWindow) throws -> Expression {
    let key = "\(time.fingerprint) \(window.duration) \(window.slide) \(window.offset)"
    if timeWindows.insert(key).inserted && timeWindows.count > 1 {
      throw MillraceError("_LEGACY_ERROR_TEMP_1039", "a query can use one time window only", hint: "use a subquery")
    }
    if let known = slidingWindows[key] { return .attribute(known) }
    if window.isTumbling {
      if filteredTimes.insert(time.fingerprint).inserted {
        child = .filter(try analyzer.call("isnotnull", [time]), child)
      }
      return window.lastWindow(time)
    }
    let generator = window.generator(time)
    let output = generator.output.map { Attribute($0.name, $0.type, isNullable: false) }
    child = .generate(GenerateNode(generator: generator, output: output, isOuter: false, child: child))
    slidingWindows[key] = output[0]
    return .attribute(output[0])
  }

  /// The session that a row makes by itself; rows without a time or a gap belong to none.
  func sessionWindow(_ time: Expression, gap: Expression) throws -> Expression {
    let session = SessionWindow.expression(time, gap: gap)
    if filteredTimes.insert(session.fingerprint).inserted {
      let isPositive = try analyzer.call(">", [gap, .literal(.integer(0), .long)])
      child = .filter(.and(try analyzer.call("isnotnull", [time]), isPositive), child)
    }
    return session
  }

  // MARK: Window functions

  func windowFunction(_ call: FunctionCall, _ resolver: ExpressionResolver) throws -> Expression {
    guard let reference = call.window else { return .null(.void) }
    let specification = try windowSpecification(reference)
    let partition = try specification.partitionBy.map { grouped(try resolver.resolve($0)) }
    if let key = partition.first(where: { !$0.type.isOrderable }) {
      throw MillraceError(
        "EXPRESSION_TYPE_IS_NOT_ORDERABLE", "PARTITION BY cannot use a value of the type \(key.type.sql)")
    }
    let order = try specification.orderBy.map { item in
      SortOrder(
        grouped(try resolver.resolve(item.expression)), isAscending: item.isAscending, nullsFirst: item.nullsFirst)
    }
    let name = call.name.last?.lowercased() ?? ""
    let builder = WindowFunctionBuilder(self, resolver)
    let function = try builder.build(call, name, order: order, specification.frame)
    windowCalls.append(WindowCall(partition: partition, order: order, function: function))
    return .attribute(function.attribute)
  }

  func windowSpecification(_ reference: WindowReference) throws -> WindowSpecification {
    var current = reference
    for _ in 0...namedWindows.count {
      switch current {
      case .specification(let specification): return specification
      case .named(let name):
        guard let found = namedWindows.first(where: { $0.name.lowercased() == name.lowercased() }) else {
          throw MillraceError(
            "MISSING_WINDOW_SPECIFICATION", "the window `\(name)` is not defined",
            hint: "define it with WINDOW \(name) AS (…)")
        }
        current = found.window
      }
    }
    throw MillraceError("WINDOW_SPECIFICATION_CYCLE", "the window definitions refer to each other in a circle")
  }

  func windows(over plan: LogicalPlan) -> LogicalPlan {
    var result = plan
    var groups: [(key: String, node: WindowNode)] = []
    // Which group computes a window function that others may read.
    var producers: [Int: Int] = [:]
    for call in windowCalls {
      let reads = call.references.compactMap { producers[$0] }
      let earliest = (reads.max() ?? -1) + 1
      let key =
        call.partition.map(\.fingerprint).joined(separator: ",") + "|"
        + call.order.map { "\($0.expression.fingerprint)\($0.isAscending)\($0.nullsFirst)" }.joined(separator: ",")
      if let index = groups.indices.dropFirst(earliest).first(where: { groups[$0].key == key }) {
        groups[index].node.functions.append(call.function)
        producers[call.function.attribute.id] = index
      } else {
        producers[call.function.attribute.id] = groups.count
        groups.append(
          (key, WindowNode(partition: call.partition, order: call.order, functions: [call.function], child: plan)))
      }
    }
    for group in groups {
      var node = group.node
      node.child = result
      result = .window(node)
    }
    return result
  }
}
