/// The box that `show` draws: cells cut and right-aligned, or whole and left-aligned with `truncate` 0.
public struct ConsoleTable: Sendable {
  private let header: [String]
  private let rows: [[String]]
  /// Longest cell in UTF-16 units; 0 for no limit.
  private let truncate: Int

  /// A table of cells that are text already.
  public init(header: [String], rows: [[String]], truncate: Int) {
    self.header = header
    self.rows = rows
    self.truncate = truncate
  }

  /// A table of the rows of a batch, as `show` prints them.
  public init(_ batch: RecordBatch?, schema: Schema, truncate: Int) {
    let cells = schema.types.map { CellText($0, style: .table) }
    let rows = (0..<(batch?.rowCount ?? 0)).map { row in
      zip(cells, batch?.columns ?? []).map { $0.string($1, row) }
    }
    self.init(header: schema.names, rows: rows, truncate: truncate)
  }

  /// The box with its lines.
  public var text: String {
    let cells = ([header] + rows).map { $0.map { cut(ConsoleTable.escaped($0)) } }
    var widths = header.map { _ in 3 }
    for row in cells {
      for (index, cell) in row.enumerated() { widths[index] = max(widths[index], ConsoleTable.width(cell)) }
    }
    let rule = "+" + widths.map { String(repeating: "-", count: $0) }.joined(separator: "+") + "+\n"
    let lines = cells.map { row in
      "|" + zip(row, widths).map { padded($0, to: $1) }.joined(separator: "|") + "|\n"
    }
    return rule + lines[0] + rule + lines.dropFirst().joined() + rule
  }

  private func padded(_ cell: String, to width: Int) -> String {
    let space = String(repeating: " ", count: width - ConsoleTable.width(cell))
    return truncate > 0 ? space + cell : cell + space
  }

  /// Lengths count UTF-16 units, as Java's do; a pair is not cut in two.
  private func cut(_ cell: String) -> String {
    guard truncate > 0, cell.utf16.count > truncate else { return cell }
    let keep = truncate < 4 ? truncate : truncate - 3
    var count = 0
    var kept = String.UnicodeScalarView()
    for scalar in cell.unicodeScalars {
      count += UTF16.width(scalar)
      if count > keep { break }
      kept.append(scalar)
    }
    return String(kept) + (truncate < 4 ? "" : "...")
  }

  /// Characters that would break the box are written as escapes.
  private static func escaped(_ cell: String) -> String {
    guard cell.utf8.contains(where: { $0 < 0x20 }) else { return cell }
    var out = String.UnicodeScalarView()
    for scalar in cell.unicodeScalars {
      switch scalar {
      case "\n": out.append(contentsOf: "\\n".unicodeScalars)
      case "\r": out.append(contentsOf: "\\r".unicodeScalars)
      case "\t": out.append(contentsOf: "\\t".unicodeScalars)
      case "\u{8}": out.append(contentsOf: "\\b".unicodeScalars)
      case "\u{C}": out.append(contentsOf: "\\f".unicodeScalars)
      case "\u{B}": out.append(contentsOf: "\\v".unicodeScalars)
      case "\u{7}": out.append(contentsOf: "\\a".unicodeScalars)
      default: out.append(scalar)
      }
    }
    return String(out)
  }

  /// Columns on the screen as Spark counts them: UTF-16 units, East Asian full width ones twice.
  static func width(_ cell: String) -> Int {
    var width = 0
    for unit in cell.utf16 {
      switch unit {
      case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6:
        width += 2
      default: width += 1
      }
    }
    return width
  }
}
