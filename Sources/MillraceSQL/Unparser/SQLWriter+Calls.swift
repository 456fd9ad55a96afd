import MillraceColumnar

extension SQLWriter {
  @inline(never)
  func call(_ call: FunctionCall) {
    if isPretty, prettySpecialCall(call) { return clauses(of: call) }
    // Spark names the column of a cast that is written as a function after what is cast.
    if isPretty, call.name.count == 1, call.arguments.count == 1,
      SQLExpression.castFunctions[call.name[0].lowercased()] != nil
    {
      return arguments(of: call)
    }
    if call.name.count == 1, !isPretty, call.name[0].lowercased() == "extract", let field = call.extractedField {
      write("extract(\(Self.quoted(string: field)) FROM ")
      argument(call.arguments[1])
      write(")")
      return clauses(of: call)
    }
    if isPretty { write(call.name.joined(separator: ".").lowercased()) } else { functionName(call.name) }
    write("(")
    if call.isDistinct { write("DISTINCT ") }
    arguments(of: call)
    write(")")
    clauses(of: call)
  }

  private func arguments(of call: FunctionCall) {
    // Spark rewrites count(*) to count(1).
    if isPretty, call.arguments.count == 1, case .star(qualifier: [], except: [])? = call.arguments[0].expression?.kind,
      call.name.last?.lowercased() == "count"
    {
      return write("1")
    }
    list(call.arguments) { $0.argument($1) }
  }

  private func functionName(_ parts: [String]) {
    list(parts, separator: ".") { writer, part in writer.name(part) }
  }

  @inline(never)
  private func argument(_ argument: FunctionCall.Argument) {
    if let label = argument.name {
      name(label)
      write(" => ")
    }
    switch argument.value {
    case .expression(let value): expression(value)
    case .table(let query):
      write("TABLE(")
      self.query(query)
      write(")")
    }
  }

  /// Calls that Spark shows in a form of their own; true when one was written.
  @inline(never)
  private func prettySpecialCall(_ call: FunctionCall) -> Bool {
    let values = call.arguments.compactMap(\.expression)
    guard call.name.count == 1, values.count == call.arguments.count, !call.isDistinct else { return false }
    switch (call.name[0].lowercased(), values.count) {
    case ("if", 3), ("iff", 3):
      write("(IF(")
      list(values)
      write("))")
    case ("isnull", 1), ("isnotnull", 1):
      write("(")
      expression(values[0])
      write(call.name[0].lowercased() == "isnull" ? " IS NULL)" : " IS NOT NULL)")
    case ("extract", 2):
      guard let field = call.extractedField else { return false }
      write("extract(\(field) FROM ")
      expression(values[1])
      write(")")
    case ("trim", 2), ("ltrim", 2), ("rtrim", 2):
      let side = ["trim": "BOTH", "ltrim": "LEADING", "rtrim": "TRAILING"][call.name[0].lowercased()] ?? "BOTH"
      write("TRIM(\(side) ")
      expression(values[0])
      write(" FROM ")
      expression(values[1])
      write(")")
    case ("position", 2):
      write("locate(")
      list(values)
      write(", 1)")
    case ("substring", 2), ("substr", 2):
      write(call.name[0].lowercased() + "(")
      list(values)
      write(", 2147483647)")
    default: return false
    }
    return true
  }

  // MARK: Clauses

  @inline(never)
  private func clauses(of call: FunctionCall) {
    if !call.withinGroup.isEmpty {
      write(" WITHIN GROUP (ORDER BY ")
      sortItems(call.withinGroup)
      write(")")
    }
    if let filter = call.filter {
      write(" FILTER (WHERE ")
      expression(filter)
      write(")")
    }
    if let ignoresNulls = call.ignoresNulls { write(ignoresNulls ? " IGNORE NULLS" : isPretty ? "" : " RESPECT NULLS") }
    if let window = call.window {
      write(" OVER ")
      reference(window, of: call)
    }
  }

  /// Writes what stands after OVER; in a name, with the frame that the function has by default.
  func reference(_ window: WindowReference, of call: FunctionCall? = nil) {
    switch window {
    case .named(let name): self.name(name)
    case .specification(var window):
      if isPretty, window.frame == nil, let call {
        window.frame = call.defaultFrame(isOrdered: !window.orderBy.isEmpty)
      }
      write("(")
      var parts = 0
      if !window.partitionBy.isEmpty {
        write("PARTITION BY ")
        list(window.partitionBy)
        parts += 1
      }
      if !window.orderBy.isEmpty {
        write(parts > 0 ? " ORDER BY " : "ORDER BY ")
        sortItems(window.orderBy)
        parts += 1
      }
      if let frame = window.frame {
        write("\(parts > 0 ? " " : "")\(frame.unit.rawValue) BETWEEN ")
        bound(frame.start)
        write(" AND ")
        bound(frame.end)
      }
      write(")")
    }
  }

  private func bound(_ bound: WindowSpecification.Frame.Bound) {
    switch bound {
    case .unboundedPreceding: write("UNBOUNDED PRECEDING")
    case .unboundedFollowing: write("UNBOUNDED FOLLOWING")
    case .currentRow: write("CURRENT ROW")
    case .preceding(let offset):
      expression(offset)
      write(" PRECEDING")
    case .following(let offset):
      expression(offset)
      write(" FOLLOWING")
    }
  }

  func sortItems(_ items: [SortItem]) {
    list(items) { writer, item in
      if case .column(let parts) = item.expression.kind, parts.count == 1, parts[0].uppercased() == "ALL" {
        writer.write("ALL")
      } else {
        writer.expression(item.expression)
      }
      writer.write(item.isAscending ? " ASC" : " DESC")
      writer.write(item.nullsFirst ? " NULLS FIRST" : " NULLS LAST")
    }
  }
}

extension FunctionCall {
  /// The field of `extract('YEAR', a)`.
  fileprivate var extractedField: String? {
    guard arguments.count == 2, case .literal(.string(let field), .string)? = arguments[0].expression?.kind else {
      return nil
    }
    return field
  }

  /// The frame that Spark gives to a function whose window has none.
  fileprivate func defaultFrame(isOrdered: Bool) -> WindowSpecification.Frame {
    switch name.last?.lowercased() {
    case "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile":
      return .init(.rows, start: .unboundedPreceding, end: .currentRow)
    case "lead", "lag":
      var offset: Int64 = 1
      if arguments.count > 1, case .literal(.integer(let value), _)? = arguments[1].expression?.kind { offset = value }
      if name.last?.lowercased() == "lag" { offset = 0 &- offset }
      let bound = SQLExpression(.literal(.integer(offset), .integer))
      return .init(.rows, start: .following(bound), end: .following(bound))
    default:
      return isOrdered
        ? .init(.range, start: .unboundedPreceding, end: .currentRow)
        : .init(.rows, start: .unboundedPreceding, end: .unboundedFollowing)
    }
  }
}
