import MillraceColumnar

/// Reads JSON text into a column of a given type. One reader serves one thread.
final class JSONRecordReader {
  /// What became of a value; a row was appended in any case.
  enum Outcome {
    case read
    /// Kept, but something inside was replaced by NULL.
    case partial
    /// Replaced by NULL.
    case failed

    /// Becomes the worse of the two, for a value with a part that came to `part`.
    mutating func include(_ part: Outcome) {
      switch part {
      case .read: break
      case .partial: if self == .read { self = .partial }
      case .failed: self = .failed
      }
    }
  }

  /// One value of the schema, with scratch memory. A node is entered once at a time, as schemas do not recurse.
  private final class Node {
    let type: DataType
    let names: [[UInt8]]
    let children: [Node]
    /// Where the value of each field begins, -1 if absent.
    let positions: UnsafeMutableBufferPointer<Int>
    private let members: ObjectNames
    private let values: UnsafeMutableBufferPointer<UnsafePointer<UInt8>?>

    init(_ type: DataType) {
      self.type = type
      names = type.fields?.map { Array($0.name.utf8) } ?? []
      children = type.childTypes.map { Node($0) }
      members = ObjectNames(names)
      positions = .allocate(capacity: names.count)
      values = .allocate(capacity: names.count)
    }

    deinit {
      positions.deallocate()
      values.deallocate()
    }

    /// The same for the object that is next, if it can be read fast; then the scanner stands behind it.
    func findMembers(_ scanner: inout JSONScanner) -> Bool {
      guard let values = values.baseAddress, scanner.findMembers(members, values) else { return false }
      for index in positions.indices { positions[index] = values[index].map { $0 - scanner.base } ?? -1 }
      return true
    }
  }

  private let root: Node
  private let builder: ColumnBuilder
  private let isFailFast: Bool
  private let grammar: JSONGrammar
  private let leaves: JSONLeafReader
  private let variants = VariantParser()
  /// Field that takes the text of records that could not be read in full.
  private let corruptField: Int?

  init(_ type: DataType, _ options: JSONOptions, capacity: Int) {
    root = Node(type)
    builder = ColumnBuilder(type, capacity: capacity)
    isFailFast = options.mode == .failFast
    grammar = JSONGrammar(options.raw)
    leaves = JSONLeafReader(options)
    corruptField = type.fields?.firstIndex { $0.name == options.corruptRecordColumn && $0.type == .string }
  }

  /// The column of all records so far.
  func finish() -> ColumnVector { builder.finish() }

  /// Appends NULL for a record that is NULL.
  func appendNull() { builder.appendNull() }

  /// Appends one record. Text that is empty gives NULL, and so does `null`, but for a struct, which gets NULL fields; what breaks the grammar gives a struct of NULLs.
  func append(_ text: UnsafeRawBufferPointer) throws {
    var scanner = JSONScanner(text, grammar)
    let kind = scanner.peek()
    if kind == .end { return builder.appendNull() }
    var rest = scanner
    if kind == .null && rest.skipValue() {
      guard root.type.fields != nil else { return builder.appendNull() }
      for child in builder.children { child.appendNull() }
      return builder.appendStructure()
    }
    let outcome: Outcome
    if root.type.fields != nil {
      outcome = appendStructure(text, scanner, kind)
    } else if rest.position > scanner.position || rest.skipValue() {
      outcome = appendRoot(&scanner, kind)
    } else {
      builder.appendNull()
      outcome = .failed
    }
    if isFailFast && outcome != .read {
      throw JSONOptions.malformed(text, isArray: kind == .array && root.type.fields != nil)
    }
  }

  private func appendStructure(
    _ text: UnsafeRawBufferPointer, _ scanner: JSONScanner, _ kind: JSONScanner.Kind
  ) -> Outcome {
    var rest = scanner
    var outcome = Outcome.failed
    if kind == .object && findFields(root, &rest) {
      outcome = readFields(root, scanner, builder)
    } else {
      for (index, child) in builder.children.enumerated() where index != corruptField { child.appendNull() }
    }
    if let corruptField {
      if outcome == .read {
        builder.children[corruptField].appendNull()
      } else {
        builder.children[corruptField].append(bytes: text)
      }
    }
    builder.appendStructure()
    return outcome
  }

  /// An object where an array of structs is wanted counts as an array of one.
  private func appendRoot(_ scanner: inout JSONScanner, _ kind: JSONScanner.Kind) -> Outcome {
    guard kind == .object, root.type.elementType?.fields != nil else { return read(root, &scanner, builder) }
    let outcome = read(root.children[0], &scanner, builder.children[0])
    builder.appendList()
    return outcome
  }

  /// Notes where the fields of the object at the position begin and goes past it; false if the object is broken.
  private func findFields(_ node: Node, _ scanner: inout JSONScanner) -> Bool {
    if node.findMembers(&scanner) { return true }
    for index in node.positions.indices { node.positions[index] = -1 }
    var expected = 0
    return scanner.forEachField { scanner, name in
      _ = scanner.peek()
      if let index = Self.field(node, name, expected) {
        node.positions[index] = scanner.position
        expected = index + 1
      }
      return scanner.skipValue(depth: 1)
    }
  }

  /// Index of a field by name, guessing that fields come in the order of the schema.
  private static func field(_ node: Node, _ name: JSONText, _ expected: Int) -> Int? {
    if expected < node.names.count && name.equals(node.names[expected]) { return expected }
    return node.names.firstIndex { name.equals($0) }
  }

  /// Appends a value to each child; the caller closes the row.
  private func readFields(_ node: Node, _ scanner: JSONScanner, _ builder: ColumnBuilder) -> Outcome {
    var outcome = Outcome.read
    for index in node.children.indices {
      if node === root && index == corruptField { continue }
      let position = node.positions[index]
      if position < 0 {
        builder.children[index].appendNull()
        continue
      }
      var at = scanner
      at.position = position
      if read(node.children[index], &at, builder.children[index]) != .read { outcome = .partial }
    }
    return outcome
  }

  /// Appends the next value, whose grammar has been checked.
  private func read(_ node: Node, _ scanner: inout JSONScanner, _ builder: ColumnBuilder) -> Outcome {
    let kind = scanner.peek()
    if node.type == .variant {
      let start = scanner
      if variants.append(&scanner, to: builder) { return .read }
      scanner = start
      _ = scanner.skipValue()
      builder.appendNull()
      return .failed
    }
    if kind == .null {
      _ = scanner.skipValue()
      builder.appendNull()
      return .read
    }
    switch (node.type, kind) {
    case (.structure, .object):
      let start = scanner
      _ = findFields(node, &scanner)
      let outcome = readFields(node, start, builder)
      builder.appendStructure()
      return outcome
    case (.array, .array): return readArray(node, &scanner, builder)
    case (.map, .object): return readMap(node, &scanner, builder)
    case (.structure, _), (.array, _), (.map, _): break
    default:
      let start = scanner.position
      if leaves.read(node.type, kind, &scanner, builder) { return .read }
      scanner.position = start
    }
    _ = scanner.skipValue()
    builder.appendNull()
    return .failed
  }

  /// A broken element breaks the array, except for structs, which lose only the broken field.
  private func readArray(_ node: Node, _ scanner: inout JSONScanner, _ builder: ColumnBuilder) -> Outcome {
    var outcome = Outcome.read
    _ = scanner.forEachElement { scanner in
      outcome.include(read(node.children[0], &scanner, builder.children[0]))
      return true
    }
    if outcome == .failed { builder.appendNull() } else { builder.appendList() }
    return outcome
  }

  private func readMap(_ node: Node, _ scanner: inout JSONScanner, _ builder: ColumnBuilder) -> Outcome {
    var outcome = Outcome.read
    _ = scanner.forEachField { scanner, name in
      if !leaves.readKey(node.children[0].type, name, builder.children[0]) { outcome = .failed }
      outcome.include(read(node.children[1], &scanner, builder.children[1]))
      return true
    }
    if outcome == .failed { builder.appendNull() } else { builder.appendList() }
    return outcome
  }
}
