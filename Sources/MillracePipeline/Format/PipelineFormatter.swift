/// Lays out the text of a pipeline file: one style for all, comments and the spelling of values kept.
///
/// - Two blanks for each level; one blank behind `:` and `,`, and inside of braces.
/// - An object or array stays on one line if its author wrote it so, it has no comment and fits into `width`; otherwise each element has a
///   line of its own.
/// - One empty line stays where there were any.
/// - Commas behind last elements are the file's habit: all elements on lines of their own have one where the file has any.
///
/// Laying out twice is the same as once.
package struct PipelineFormatter {
  static let width = 120

  private var out = ""
  private let hasTrailingCommas: Bool

  /// The text laid out; throws `PipelineFileError` where it is no JSON with comments.
  package static func format(_ bytes: [UInt8], file: String) throws -> String {
    let diagnostics = DiagnosticCollector(PipelineSource(file: file, bytes: bytes))
    _ = LocatedJSONParser.parse(bytes, file: file, into: diagnostics)
    if diagnostics.hasErrors { throw PipelineFileError(diagnostics.sorted) }
    let document = CommentedJSONReader.read(bytes)
    var formatter = PipelineFormatter(hasTrailingCommas: document.hasTrailingCommas)
    formatter.write(document)
    return formatter.out
  }

  private init(hasTrailingCommas: Bool) { self.hasTrailingCommas = hasTrailingCommas }

  private mutating func write(_ document: CommentedJSON) {
    for (index, comment) in document.above.enumerated() {
      if comment.hasGap, index > 0 { out += "\n" }
      out += comment.text + "\n"
    }
    write(document.root, indent: 0, column: 0, behind: 0)
    for comment in document.below {
      out += comment.hasGap ? "\n\n" : "\n"
      out += comment.text
    }
    out += "\n"
  }

  /// Writes a value that begins at a column; `behind` characters follow it on its line.
  private mutating func write(_ value: CommentedJSON.Value, indent: Int, column: Int, behind: Int) {
    switch value {
    case .scalar(let text): out += text
    case .container(let container):
      if let line = Self.line(value), column + line.count + behind <= Self.width {
        out += line
      } else {
        write(container, indent: indent)
      }
    }
  }

  private mutating func write(_ container: CommentedJSON.Container, indent: Int) {
    out += container.opening
    for comment in container.head { out += " " + comment }
    let inner = String(repeating: " ", count: indent + 2)
    for (index, element) in container.elements.enumerated() {
      let isLast = index == container.elements.count - 1
      let hasGap = element.hasGap && index > 0
      for (number, comment) in element.above.enumerated() {
        out += (number == 0 ? hasGap : comment.hasGap) ? "\n\n" : "\n"
        out += inner + comment.text
      }
      out += element.above.isEmpty && hasGap ? "\n\n" : "\n"
      write(element, inner, hasComma: !isLast || hasTrailingCommas)
    }
    for (index, comment) in container.tail.enumerated() {
      out += comment.hasGap && (index > 0 || !container.elements.isEmpty) ? "\n\n" : "\n"
      out += inner + comment.text
    }
    out += "\n" + String(repeating: " ", count: indent) + container.closing
  }

  private mutating func write(_ element: CommentedJSON.Element, _ inner: String, hasComma: Bool) {
    let front = (element.key.map { "\($0): " } ?? "") + element.inside.map { "\($0) " }.joined()
    out += inner + front
    write(element.value, indent: inner.count, column: inner.count + front.count, behind: hasComma ? 1 : 0)
    if hasComma { out += "," }
    for comment in element.behind { out += " " + comment }
  }

  /// A value on one line; nil if it cannot be, or its author did not want that.
  private static func line(_ value: CommentedJSON.Value) -> String? {
    guard case .container(let container) = value else {
      guard case .scalar(let text) = value else { return nil }
      return text
    }
    if container.elements.isEmpty, container.head.isEmpty, container.tail.isEmpty {
      return container.opening + container.closing
    }
    guard !container.isBroken, container.head.isEmpty, container.tail.isEmpty else { return nil }
    var parts: [String] = []
    for element in container.elements {
      guard element.above.isEmpty, element.behind.isEmpty, let value = line(element.value) else { return nil }
      let inside = element.inside.map { "\($0) " }.joined()
      parts.append((element.key.map { "\($0): " } ?? "") + inside + value)
    }
    let text = parts.joined(separator: ", ")
    return container.opening == "{" ? "{ \(text) }" : "[\(text)]"
  }
}
