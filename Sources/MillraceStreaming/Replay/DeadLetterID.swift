import MillraceCore

/// What tells a dead letter apart from every other one.
package struct DeadLetterID: Sendable, Hashable {
  /// The query that wrote it.
  package var queryID: String
  /// The batch in which it was left out.
  package var batchID: Int64
  /// Its place among that batch's dead letters.
  package var number: Int64

  /// Names a dead letter.
  package init(queryID: String, batchID: Int64, number: Int64) {
    self.queryID = queryID
    self.batchID = batchID
    self.number = number
  }

  var json: JSON { .array([.string(queryID), .int(batchID), .int(number)]) }

  init?(_ json: JSON) {
    guard let parts = json.array, parts.count == 3, let query = parts[0].string, let batch = parts[1].int,
      let number = parts[2].int
    else { return nil }
    self.init(queryID: query, batchID: batch, number: number)
  }
}
