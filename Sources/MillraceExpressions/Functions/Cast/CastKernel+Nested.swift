import MillraceColumnar

extension CastKernel {
  /// Casts between arrays, maps and structs; nil for all others.
  static func nested(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function? {
    switch (source, target) {
    case (.array(let from, _), .array(let to, _)):
      let element = try make(from, to, options)
      return { try castElements(of: $0, to: target) { [try element($0[0])] } }
    case (.map(let fromKey, let fromValue, _), .map(let toKey, let toValue, _)):
      let key = try make(fromKey, toKey, options), value = try make(fromValue, toValue, options)
      return { try castElements(of: $0, to: target) { [try key($0[0]), try value($0[1])] } }
    case (.structure(let from), .structure(let to)):
      let fields = try zip(from, to).map { try make($0.type, $1.type, options) }
      return { vector in vector.replacingChildren(try zip(fields, vector.children).map { try $0($1) }, type: target) }
    default: return nil
    }
  }

  /// Casts the elements of lists. Those that no row names do not count, of rows left out by a filter for instance: where one of all cannot
  /// be cast, they are let go first.
  private static func castElements(
    of lists: ColumnVector, to target: DataType, _ cast: ([ColumnVector]) throws -> [ColumnVector]
  ) throws -> ColumnVector {
    do {
      return lists.replacingChildren(try cast(lists.children), type: target)
    } catch {
      let own = lists.compacted(keepingFew: false)
      return own.replacingChildren(try cast(own.children), type: target)
    }
  }
}

extension ColumnVector {
  /// The same lists or structs over other children.
  fileprivate func replacingChildren(_ children: [ColumnVector], type: DataType) -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: buffer, validity: validity, isConstant: isConstant, children: children,
      owners: owners)
  }
}
