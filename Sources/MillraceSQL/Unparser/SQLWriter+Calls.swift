import MillraceColumnar

extension SQLWriter {
  @inline(never)
  func call(_ call: FunctionCall) {
    if isPretty { return shownCall(call) }
    if call.name.count == 1, call.name[0].lowercased() == "extract", let field = call.extractedField {
      write("extract(\(Self.quoted(string: field)) FROM ")
      argument(call.arguments[1])
      write(")")
      return clauses(of: call)
    }
    functionName(call.name)
    write("(")
    if call.isDistinct { write("DISTINCT ") }
    list(call.arguments) { $0.argument($1) }
    write(")")
    clauses(of: call)
  }

  private func functionName(_ parts: [String]) {
    list(parts, separator: ".") { writer, part in writer.name(part) }
  }

  @inline(never)
  func argument(_ argument: FunctionCall.Argument) {
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

  // MARK: Clauses

  @inline(never)
  func clauses(of call: FunctionCall) {
    if !call.withinGroup.isEmpty {
      write(" WITHIN GROUP (ORDER BY ")
      if isPretty && ["percentile_cont", "percentile_disc"].contains(call.name.last?.lowercased()) {
        // Spark keeps nothing of their order but its direction.
        list(call.withinGroup) { writer, item in
          writer.expression(item.expression)
          if !item.isAscending { writer.write(" DESC") }
        }
      } else {
        sortItems(call.withinGroup)
      }
      write(")")
    }
    if let filter = call.filter {
      write(" FILTER (WHERE ")
      expression(filter)
      write(")")
    }
    if let ignoresNulls = call.ignoresNulls, isPretty {
      // Spark tells it of one function only.
      if ignoresNulls, call.name.last?.lowercased() == "nth_value" { write(" ignore nulls") }
    } else if let ignoresNulls = call.ignoresNulls {
      write(ignoresNulls ? " IGNORE NULLS" : " RESPECT NULLS")
    }
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
  var extractedField: String? {
    guard arguments.count == 2, case .literal(.string(let field), .string)? = arguments[0].expression?.kind else {
      return nil
    }
    return field
  }

  /// The frame that Spark gives to a function whose window has none.
  fileprivate func defaultFrame(isOrdered: Bool) -> WindowSpecification.Frame {
    switch name.last?.lowercased() {
    case "row_number", "rank", "dense_rank", "percent_rank", "ntile":
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
