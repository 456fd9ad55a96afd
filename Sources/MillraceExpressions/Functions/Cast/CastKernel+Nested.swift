import MillraceColumnar

extension CastKernel {
  /// Casts between arrays, maps and structs; nil for all others.
  static func nested(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function? {
    switch (source, target) {
    case (.array(let from, _), .array(let to, _)):
      let element = try make(from, to, options)
      return { try $0.replacingChildren([try element($0.children[0])], type: target) }
    case (.map(let fromKey, let fromValue, _), .map(let toKey, let toValue, _)):
      let key = try make(fromKey, toKey, options), value = try make(fromValue, toValue, options)
      return { try $0.replacingChildren([try key($0.children[0]), try value($0.children[1])], type: target) }
    case (.structure(let from), .structure(let to)):
      let fields = try zip(from, to).map { try make($0.type, $1.type, options) }
      return { vector in
        try vector.replacingChildren(try zip(fields, vector.children).map { try $0($1) }, type: target)
      }
    default: return nil
    }
  }
}

extension ColumnVector {
  /// The same lists or structs over other children.
  fileprivate func replacingChildren(_ children: [ColumnVector], type: DataType) throws -> ColumnVector {
    ColumnVector(
      type: type, count: count, values: buffer, validity: validity, isConstant: isConstant, children: children,
      owners: owners)
  }
}
