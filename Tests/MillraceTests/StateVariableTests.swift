// swift-format-ignore-file: NeverUseImplicitlyUnwrappedOptionals
// State variables of a processor are there from `initialize` on.

import Millrace
import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

/// State variables and timers of processors, with the tester that users have.
struct StateVariableTests {
  /// A processor whose calls are closures.
  final class Probe: StatefulProcessor {
    typealias Call = (Probe, Row, [Row], TimerValues) throws -> [String]
    var handle: StatefulProcessorHandle!
    var value: ValueState<String>!
    var list: ListState<Int64>!
    var map: MapState<String, [Int64]>!
    private let ttlMs: Int64?
    private let call: Call

    init(ttlMs: Int64? = nil, _ call: @escaping Call) {
      self.ttlMs = ttlMs
      self.call = call
    }

    func initialize(_ handle: StatefulProcessorHandle) throws {
      self.handle = handle
      value = try handle.getValueState("value", ttlMs: ttlMs)
      list = try handle.getListState("list", ttlMs: ttlMs)
      map = try handle.getMapState("map", ttlMs: ttlMs)
    }

    func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
      for text in try call(self, key, rows.map { $0.row() }, timers) { try output.append(text) }
    }

    func handleExpiredTimer(
      _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
    ) throws {
      try output.append("\(key[0]) at \(expired.expiryTimeInMs)")
    }
  }

  private func tester(_ timeMode: TimeMode = .none, ttlMs: Int64? = nil, _ call: @escaping Probe.Call) throws
    -> TwsTester
  {
    try TwsTester(
      Probe(ttlMs: ttlMs, call), key: "k STRING", input: "op STRING, n BIGINT", output: "text STRING",
      timeMode: timeMode)
  }

  /// One operation a row: what it gives is put out.
  private static func interpret(_ probe: Probe, _ key: Row, _ rows: [Row], _ timers: TimerValues) throws -> [String] {
    try rows.flatMap { row -> [String] in
      let op = row.getAsString(0) ?? ""
      let n = row.getAsInt64(1) ?? 0
      switch op {
      case "set": try probe.value.update("v\(n)")
      case "get": return ["\(try probe.value.get() ?? "-") \(try probe.value.exists())"]
      case "clear": try probe.value.clear()
      case "append": try probe.list.appendValue(n)
      case "put": try probe.list.put([n, n + 1])
      case "list": return ["\(try probe.list.get()) \(try probe.list.exists())"]
      case "clear list": try probe.list.clear()
      case "map": try probe.map.updateValue("m\(n)", [n, n * n])
      case "unmap": try probe.map.removeKey("m\(n)")
      case "entry": return ["\(try probe.map.getValue("m\(n)") ?? []) \(try probe.map.containsKey("m\(n)"))"]
      case "entries":
        let entries = try probe.map.iterator().map { "\($0.key)=\($0.value[1])" }.sorted()
        return [entries.joined(separator: " ")]
      case "keys": return ["\(try probe.map.keyList().sorted()) \(try probe.map.valueList().count)"]
      case "clear map": try probe.map.clear()
      case "timer": try probe.handle.registerTimer(n)
      case "untimer": try probe.handle.deleteTimer(n)
      case "timers": return ["\(try probe.handle.listTimers())"]
      default: return ["\(timers.currentProcessingTimeInMs) \(timers.currentWatermarkInMs)"]
      }
      return []
    }
  }

  private func run(_ tester: TwsTester, _ key: String, _ ops: [(String, Int64)]) throws -> [String] {
    try tester.test([.string(key)], ops.map { [.string($0.0), .integer($0.1)] }).map { $0.getAsString(0) ?? "" }
  }

  @Test func eachKeyHasItsValue() throws {
    let tester = try tester(.none, Self.interpret)
    #expect(try run(tester, "a", [("get", 0), ("set", 1), ("get", 0)]) == ["- false", "v1 true"])
    #expect(try run(tester, "b", [("get", 0), ("set", 2)]) == ["- false"])
    #expect(try run(tester, "a", [("get", 0), ("clear", 0), ("get", 0)]) == ["v1 true", "- false"])
    #expect(try run(tester, "a", [("get", 0)]) == ["- false"])
    #expect(try run(tester, "b", [("get", 0)]) == ["v2 true"])
  }

  @Test func listsGrowAndAreReplaced() throws {
    let tester = try tester(.none, Self.interpret)
    #expect(
      try run(tester, "a", [("list", 0), ("append", 1), ("append", 2), ("list", 0)]) == ["[] false", "[1, 2] true"])
    #expect(try run(tester, "a", [("append", 3), ("list", 0)]) == ["[1, 2, 3] true"])
    #expect(try run(tester, "a", [("put", 8), ("list", 0)]) == ["[8, 9] true"])
    #expect(try run(tester, "a", [("list", 0), ("clear list", 0), ("list", 0)]) == ["[8, 9] true", "[] false"])
    #expect(try run(tester, "a", [("append", 4)]) == [] && run(tester, "a", [("list", 0)]) == ["[4] true"])
  }

  @Test func mapsKeepTheirDirectory() throws {
    let tester = try tester(.none, Self.interpret)
    _ = try run(tester, "a", (1...5).map { ("map", $0) })
    #expect(try run(tester, "a", [("entries", 0), ("entry", 3)]) == ["m1=1 m2=4 m3=9 m4=16 m5=25", "[3, 9] true"])
    #expect(try run(tester, "a", [("unmap", 2), ("unmap", 9), ("keys", 0)]) == [#"["m1", "m3", "m4", "m5"] 4"#])
    #expect(try run(tester, "a", [("unmap", 5), ("unmap", 1), ("map", 7), ("entries", 0)]) == ["m3=9 m4=16 m7=49"])
    #expect(try run(tester, "b", [("entries", 0)]) == [""])
    #expect(
      try run(tester, "a", [("clear map", 0), ("map", 4), ("entries", 0), ("entry", 3)]) == ["m4=16", "[] false"])
  }

  @Test func timersFireBehindTheRowsInTheOrderOfTheirTimes() throws {
    let tester = try tester(.processingTime, Self.interpret)
    #expect(try run(tester, "a", [("timer", 300), ("timer", 100), ("timer", 100), ("timers", 0)]) == ["[100, 300]"])
    #expect(try run(tester, "b", [("timer", 200), ("timer", 250), ("untimer", 250)]) == [])
    #expect(try tester.setProcessingTime(99) == [])
    #expect(try tester.setProcessingTime(250) == [["string(\"a\") at 100"], ["string(\"b\") at 200"]])
    #expect(
      try run(tester, "a", [("timers", 0), ("now", 0), ("timer", 10)]) == [
        "[300]", "250 0", "string(\"a\") at 10",
      ])
    #expect(try tester.setProcessingTime(300) == [["string(\"a\") at 300"]])
    #expect(try tester.setProcessingTime(9000) == [])
    let byWatermark = try self.tester(.eventTime, Self.interpret)
    _ = try run(byWatermark, "a", [("timer", 100)])
    #expect(try byWatermark.setProcessingTime(500) == [])
    #expect(try byWatermark.setWatermark(100) == [["string(\"a\") at 100"]])
  }

  @Test func valuesGoWhenTheirTimeIsOver() throws {
    let tester = try tester(.processingTime, ttlMs: 100, Self.interpret)
    _ = try run(tester, "a", [("set", 1), ("append", 1), ("map", 1), ("map", 2)])
    try tester.setProcessingTime(50)
    _ = try run(tester, "a", [("append", 2), ("map", 2), ("map", 3)])
    #expect(try run(tester, "a", [("list", 0), ("keys", 0)]) == ["[1, 2] true", #"["m1", "m2", "m3"] 3"#])
    try tester.setProcessingTime(100)
    #expect(
      try run(tester, "a", [("get", 0), ("list", 0), ("keys", 0), ("entry", 1)]) == [
        "- false", "[2] true", #"["m2", "m3"] 2"#, "[] false",
      ])
    #expect(try run(tester, "a", [("append", 5), ("map", 1), ("entries", 0)]) == ["m1=1 m2=4 m3=9"])
    try tester.setProcessingTime(199)
    #expect(try run(tester, "a", [("list", 0), ("entries", 0)]) == ["[5] true", "m1=1"])
    try tester.setProcessingTime(1000)
    #expect(try run(tester, "a", [("list", 0), ("entries", 0), ("get", 0)]) == ["[] false", "", "- false"])
  }

  /// Random operations on maps and lists against Swift's own.
  @Test(arguments: [1, 2, 3, 4, 5, 6]) func randomOperationsAgree(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let tester = try tester(.none, Self.interpret)
    var maps: [String: [String: Int64]] = [:]
    var lists: [String: [Int64]] = [:]
    for _ in 0..<60 {
      let key = ["a", "b", "c"].randomElement(using: &random) ?? "a"
      var ops: [(String, Int64)] = []
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let n = Int64.random(in: 1...6, using: &random)
        let op = ["map", "map", "unmap", "append", "append", "put", "clear list", "clear map"].randomElement(
          using: &random)
        ops.append((op ?? "", n))
        switch op {
        case "map": maps[key, default: [:]]["m\(n)"] = n * n
        case "unmap": maps[key, default: [:]]["m\(n)"] = nil
        case "append": lists[key, default: []].append(n)
        case "put": lists[key] = [n, n + 1]
        case "clear list": lists[key] = []
        default: maps[key] = [:]
        }
      }
      let expected = [
        (maps[key] ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " "),
        "\(lists[key] ?? []) \(!(lists[key] ?? []).isEmpty)",
      ]
      #expect(try run(tester, key, ops + [("entries", 0), ("list", 0)]) == expected)
    }
  }

  private func code(_ body: () throws -> some Any) -> String? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? MillraceError)?.code
    }
  }

  @Test func whatAProcessorMustNotDoIsRefused() throws {
    let invalidState = "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE"
    let late = try tester(.none) { probe, _, _, _ in
      _ = try probe.handle.getValueState("late", Int.self)
      return []
    }
    #expect(code { try run(late, "a", [("", 0)]) } == invalidState)
    let timers = try tester(.none, Self.interpret)
    #expect(
      code { try run(timers, "a", [("timer", 0)]) }
        == "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE")
    #expect(
      code { try run(tester(.eventTime, ttlMs: 5, Self.interpret), "a", [("get", 0)]) }
        == "STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL")
    #expect(
      code { try run(tester(.processingTime, ttlMs: 0, Self.interpret), "a", [("get", 0)]) }
        == "STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE")

    final class Wrong: StatefulProcessor {
      let make: (StatefulProcessorHandle) throws -> Void
      init(_ make: @escaping (StatefulProcessorHandle) throws -> Void) { self.make = make }
      func initialize(_ handle: StatefulProcessorHandle) throws { try make(handle) }
      func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
        try output.append(key[0], 1)
      }
    }
    func wrong(_ make: @escaping (StatefulProcessorHandle) throws -> Void) -> String? {
      code {
        try TwsTester(Wrong(make), key: "k STRING", input: "n INT", output: "n INT").test(["a"], [[1]])
      }
    }
    #expect(
      wrong { handle in
        _ = try handle.getValueState("x", Int.self)
        _ = try handle.getListState("x", Int.self)
      } == "STATE_STORE_DUPLICATE_STATE_VARIABLE_DEFINED")
    #expect(wrong { try $0.registerTimer(1) } == invalidState)
    #expect(wrong { _ in } == "STATEFUL_PROCESSOR_OUTPUT_MISMATCH")
  }

  @Test func fieldsAreReadInTheirTypeOnly() throws {
    final class Reader: StatefulProcessor {
      func initialize(_ handle: StatefulProcessorHandle) throws {}
      func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
        for row in rows {
          try output.append(try row.get("n", as: Int32?.self), code { try row.get("n", as: Int32.self) })
          try output.append(try row.get(0, as: Int32?.self), code { try row.get("n", as: String.self) })
          try output.append(nil as Int32?, code { try row.get("m", as: Int32.self) })
        }
        try output.append(Int32(rows.columns().rowCount), "rows")
      }
      private func code(_ body: () throws -> some Any) -> String {
        do {
          _ = try body()
          return "-"
        } catch {
          return (error as? MillraceError)?.code ?? "?"
        }
      }
    }
    let tester = try TwsTester(Reader(), key: "k STRING", input: "n INT", output: "n INT, code STRING")
    #expect(
      try tester.test(["a"], [[1], [.null]]) == [
        [1, "-"], [1, "FIELD_TYPE_MISMATCH"], [.null, "FIELD_NOT_FOUND"],
        [.null, "FIELD_IS_NULL"], [.null, "FIELD_TYPE_MISMATCH"], [.null, "FIELD_NOT_FOUND"], [2, "rows"],
      ])
  }
}
