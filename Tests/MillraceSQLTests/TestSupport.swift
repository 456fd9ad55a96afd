import MillraceSQL
import Testing

/// Parses a query, prints it, and expects the print to read back as the same tree.
func expectRoundTrip(_ sql: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) {
  do {
    let query = try SQLParser.parseQuery(sql)
    let printed = SQLUnparser.unparse(query)
    do {
      let again = try SQLParser.parseQuery(printed)
      #expect(again == query, "\(sql)\n→ \(printed)", sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(sql)\n→ \(printed)\n\(error)", sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(sql)\n\(error)", sourceLocation: sourceLocation)
  }
}
