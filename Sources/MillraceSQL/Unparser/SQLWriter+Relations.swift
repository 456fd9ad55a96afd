extension SQLWriter {
  @inline(never)
  func relation(_ relation: Relation) {
    switch relation.kind {
    case .table(let name, let options, let isStream):
      if isStream { write("STREAM ") }
      self.name(parts: name)
      self.options(options)
    case .subquery(let query):
      write("(")
      self.query(query)
      write(")")
    case .parenthesized(let inner):
      write("(")
      self.relation(inner)
      write(")")
    case .lateral(let inner):
      write("LATERAL ")
      self.relation(inner)
    case .function(let call): self.call(call)
    case .values(let rows): values(rows)
    case .join(let kind, let isNatural, let left, let right, let condition):
      self.relation(left)
      write(" ")
      join(kind, isNatural, right, condition)
    case .pivot(let input, let pivot):
      self.relation(input)
      write(" ")
      self.pivot(pivot)
    case .unpivot(let input, let unpivot):
      self.relation(input)
      write(" ")
      self.unpivot(unpivot)
    }
    decorations(of: relation)
  }

  private func decorations(of relation: Relation) {
    if let sample = relation.sample {
      write(" ")
      self.sample(sample)
    }
    if let watermark = relation.watermark {
      write(" WATERMARK ")
      expression(watermark.eventTime)
      write(" DELAY OF ")
      expression(watermark.delay)
    }
    alias(relation.alias)
  }

  func alias(_ alias: TableAlias?) {
    guard let alias else { return }
    write(" AS ")
    if let name = alias.name { self.name(name) }
    nameList(alias.columns)
  }

  private func options(_ options: [Relation.Option]) {
    if options.isEmpty { return }
    write(" WITH (")
    list(options) { writer, option in
      writer.write(Self.quoted(string: option.key))
      if let value = option.value { writer.write(" = \(Self.quoted(string: value))") }
    }
    write(")")
  }

  /// Writes a join from its first word on. A right side that is itself a join stands in parentheses.
  func join(
    _ kind: Relation.Kind.JoinKind, _ isNatural: Bool, _ right: Relation, _ condition: JoinCondition
  ) {
    write("\(isNatural ? "NATURAL " : "")\(kind == .inner ? "" : kind.rawValue + " ")JOIN ")
    switch right.kind {
    case .join, .pivot, .unpivot:
      write("(")
      relation(right)
      write(")")
    default: relation(right)
    }
    switch condition {
    case .none: break
    case .on(let condition):
      write(" ON ")
      expression(condition)
    case .using(let names):
      write(" USING ")
      nameList(names)
    }
  }

  func sample(_ sample: TableSample) {
    write("TABLESAMPLE (")
    switch sample.amount {
    case .percent(let percent): write("\(percent) PERCENT")
    case .rows(let count):
      expression(count)
      write(" ROWS")
    case .bucket(let bucket, let count): write("BUCKET \(bucket) OUT OF \(count)")
    }
    write(")")
    if let seed = sample.seed { write(" REPEATABLE (\(seed))") }
  }

  func pivot(_ pivot: Pivot) {
    write("PIVOT (")
    list(pivot.aggregates)
    write(" FOR ")
    columnGroup(pivot.columns)
    write(" IN (")
    list(pivot.values)
    write("))")
  }

  private func columnGroup(_ columns: [[String]]) {
    if columns.count > 1 { write("(") }
    list(columns) { $0.name(parts: $1) }
    if columns.count > 1 { write(")") }
  }

  func unpivot(_ unpivot: Unpivot) {
    write(unpivot.includesNulls ? "UNPIVOT INCLUDE NULLS (" : "UNPIVOT (")
    if unpivot.valueColumns.count > 1 { nameList(unpivot.valueColumns) } else { name(unpivot.valueColumns[0]) }
    write(" FOR ")
    name(unpivot.nameColumn)
    write(" IN (")
    list(unpivot.columns) { writer, entry in
      writer.columnGroup(entry.columns)
      if let alias = entry.alias { writer.write(" AS \(Self.quoted(string: alias))") }
    }
    write("))")
  }
}
