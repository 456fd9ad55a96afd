import MillraceColumnar

/// A row of a random script: an event time in seconds, a key that may be NULL, and a number that tells rows apart.
struct ScriptRow: Hashable {
  var time: Int64
  var key: Int64?
  var number: Int64

  static let schema = Schema([
    StructField("ts", .timestamp), StructField("k", .long), StructField("v", .long),
  ])

  var values: [Value] {
    [.integer(time * 1_000_000), key.map { .integer($0) } ?? .null, .integer(number)]
  }

  /// As a result shows it.
  var text: String { "\(time) \(ScriptRow.text(key)) \(number)" }

  static func text(_ key: Int64?) -> String { key.map { "\($0)" } ?? "NULL" }
}
