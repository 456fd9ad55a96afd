import Millrace
import MillraceCore
import MillraceTesting

/// A query of a random script and the model of it.
struct ScriptQuery {
  let name: String
  let mode: OutputMode
  let sql: String
  /// What is done to the table `a` before it is queried.
  var duplicates: (columns: [String], isWithinWatermark: Bool)?
  let model: any StreamModel
  var readsTwo = false
  /// Whether a batch without input follows when the watermark moves.
  var runsOnWatermark = true

  /// Whether rows of `a` and of `b` without a key cannot come out, so that they are dropped before they move the watermark.
  var needsKeys = [false, false]

  /// Seconds of delay of the watermarks of `a` and `b`.
  let delays: [Int64]

  static func random(_ random: inout SeededGenerator) -> ScriptQuery {
    let delays = (0..<2).map { _ in Int64.random(in: 0...8, using: &random) }
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1: return windows(delays, &random)
    case 2: return keys(delays, &random)
    case 3: return sessions(delays, &random)
    case 4: return duplicates(delays, &random)
    case 5, 6: return join(delays, &random)
    default: return Bool.random(using: &random) ? chain(delays, &random) : uniqueWindows(delays, &random)
    }
  }

  private static let keysAndSums = "CAST(k AS STRING) AS k, count(*) AS n, sum(v) AS total"

  private static func seconds(_ expression: String) -> String { "unix_micros(\(expression)) div 1000000" }

  private static func windows(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let mode: OutputMode = [.append, .update, .complete].randomElement(using: &random)!
    let slide = Int64.random(in: 2...8, using: &random)
    let length = slide * Int64.random(in: 1...3, using: &random)
    return ScriptQuery(
      name: "windows of \(length) s every \(slide) s", mode: mode,
      sql: """
        SELECT \(seconds("window.start")) AS s, \(keysAndSums) FROM a
        GROUP BY window(ts, '\(length) seconds', '\(slide) seconds'), k
        """, model: WindowModel(mode: ModelMode(rawValue: mode.rawValue)!, length: length, slide: slide),
      runsOnWatermark: mode != .complete, delays: delays)
  }

  private static func keys(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let mode: OutputMode = Bool.random(using: &random) ? .update : .complete
    return ScriptQuery(
      name: "keys", mode: mode, sql: "SELECT \(keysAndSums) FROM a GROUP BY k",
      model: KeyModel(mode: ModelMode(rawValue: mode.rawValue)!), runsOnWatermark: mode != .complete, delays: delays)
  }

  private static func sessions(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let mode: OutputMode = [.append, .update, .complete].randomElement(using: &random)!
    let gap = Int64.random(in: 1...6, using: &random)
    return ScriptQuery(
      name: "sessions of \(gap) s", mode: mode,
      sql: """
        SELECT \(seconds("session_window.start")) AS s, \(seconds("session_window.end")) AS e, \(keysAndSums) FROM a
        GROUP BY session_window(ts, '\(gap) seconds'), k
        """, model: SessionModel(mode: ModelMode(rawValue: mode.rawValue)!, gap: gap),
      runsOnWatermark: mode != .complete, delays: delays)
  }

  private static func duplicates(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let kind: DeduplicateModel.Kind = [.key, .keyAndTime, .withinWatermark].randomElement(using: &random)!
    let columns = kind == .keyAndTime ? ["k", "ts"] : ["k"]
    return ScriptQuery(
      name: "\(kind)", mode: Bool.random(using: &random) ? .append : .update,
      sql: "SELECT \(seconds("ts")) AS s, CAST(k AS STRING) AS k, v FROM a",
      duplicates: (columns, kind == .withinWatermark), model: DeduplicateModel(kind, delay: delays[0]), delays: delays)
  }

  private static func join(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let kind = JoinModel.Kind.allCases.randomElement(using: &random)!
    let before = Int64.random(in: 0...6, using: &random), after = Int64.random(in: 0...6, using: &random)
    let left = "\(seconds("a.ts")), CAST(a.k AS STRING), a.v"
    let columns = kind == .semi || kind == .anti ? left : "\(left), \(seconds("b.ts")), CAST(b.k AS STRING), b.v"
    return ScriptQuery(
      name: "\(kind) join", mode: .append,
      sql: """
        SELECT \(columns) FROM a \(kind.rawValue) JOIN b ON a.k = b.k AND b.ts >= a.ts - INTERVAL '\(before)' SECOND
        AND b.ts <= a.ts + INTERVAL '\(after)' SECOND
        """, model: JoinModel(kind, before: before, after: after), readsTwo: true,
      needsKeys: [[.inner, .right, .semi].contains(kind), [.inner, .left, .semi, .anti].contains(kind)], delays: delays)
  }

  private static func chain(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let inner = Int64.random(in: 2...5, using: &random)
    let outer = Int64.random(in: 6...15, using: &random)
    return ScriptQuery(
      name: "windows of \(outer) s over windows of \(inner) s", mode: .append,
      sql: """
        SELECT \(seconds("window.start")) AS s, count(*) AS windows, sum(n) AS n FROM
          (SELECT window_time(window) AS t, k, count(*) AS n FROM a GROUP BY window(ts, '\(inner) seconds'), k)
        GROUP BY window(t, '\(outer) seconds')
        """, model: ChainModel(inner: inner, outer: outer), delays: delays)
  }

  private static func uniqueWindows(_ delays: [Int64], _ random: inout SeededGenerator) -> ScriptQuery {
    let mode: OutputMode = Bool.random(using: &random) ? .append : .update
    let length = Int64.random(in: 2...10, using: &random)
    return ScriptQuery(
      name: "windows of \(length) s of first rows", mode: mode,
      sql: """
        SELECT \(seconds("window.start")) AS s, \(keysAndSums) FROM a GROUP BY window(ts, '\(length) seconds'), k
        """, duplicates: (["k", "ts"], false),
      model: DeduplicatedWindowModel(
        mode: ModelMode(rawValue: mode.rawValue)!, length: length, delay: delays[0]), delays: delays)
  }
}
