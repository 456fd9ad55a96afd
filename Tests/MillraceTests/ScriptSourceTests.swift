import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceTesting

/// Input that a case gives to two sources at once.
@Suite struct ScriptSourceTests {
  /// An engine looks at one source after the other, and input may come between.
  @Test func sourcesSeeInputTogether() throws {
    let script = StreamScript()
    let schema = Schema([StructField("a", .long)])
    let batches = (0..<2).map { RecordBatch.of([[.integer($0)]], schema: schema) }
    func source(_ name: String) -> ScriptSource {
      ScriptSource(name: name, schema: schema, batches: batches, script: script, emptyCounts: false)
    }
    let left = source("left")
    let right = source("right")
    func look(_ source: ScriptSource, after offset: Int64? = nil) throws -> Int64? {
      try source.plan(after: offset.map { Offset(.int($0)) }, limit: ReadLimit())?.end?.json.int
    }
    #expect(try look(left) == nil)
    script.release(1)
    #expect(try look(right) == nil, "the left one has not seen it")
    #expect(try look(left) == 1)
    script.release(2)
    #expect(try look(right) == 1)
    #expect(try look(left, after: 1) == 2)
    #expect(try look(right, after: 1) == 2)
    #expect(try look(left, after: 2) == nil)
  }
}
