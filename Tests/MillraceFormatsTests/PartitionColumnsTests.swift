import MillraceColumnar
import MillraceCore
import MillraceFormats
import Testing

/// What folders tell of the files in them.
@Suite struct PartitionColumnsTests {
  private static let schema = Schema([StructField("k", .string), StructField("n", .integer)])

  private func row(_ path: String, outside: String? = nil) throws -> [Value] {
    let decoding = FileColumnsDecoding(
      TextDecoding(), partitions: try PartitionColumns(Self.schema), hasMetadata: false, outside: outside,
      PosixFileSystem())
    #expect(decoding.schema.names == ["value", "k", "n"])
    return try decoding.row(of: path, [1, 2]).rows()[0]
  }

  @Test func namesAreFoundWhereverTheyStand() throws {
    #expect(try row("k=a/n=1/x") == [.string("a"), .integer(1)])
    #expect(try row("/data/N=-7/old/K=b=c/x.gz") == [.string("b=c"), .integer(-7)])
    #expect(try row("k=outer/k=inner/n=1/k=name") == [.string("inner"), .integer(1)])
    #expect(try row("k=%41%2f%zz%/n=__HIVE_DEFAULT_PARTITION__/x") == [.string("A/%zz%"), .null])
    #expect(try row("k=/n=1/x") == [.string(""), .integer(1)])
  }

  @Test func errorsNameTheFile() {
    for (path, code) in [
      ("n=1/k=a", "PARTITION_NOT_IN_PATH"), ("k=a/n=1", "PARTITION_NOT_IN_PATH"),
      ("k=a/n=x/f", "PARTITION_VALUE_INVALID"),
      ("k=a/n=3000000000/f", "PARTITION_VALUE_INVALID"), ("k=a/n=/f", "PARTITION_VALUE_INVALID"),
    ] {
      let error = #expect(throws: MillraceError.self) { try row(path) }
      #expect(error?.code == code && error?.message.contains(path) == true)
    }
  }

  /// Dead letters that are read again lie in the checkpoint.
  @Test func recordsThatAreReadAgainAreOfNoFolder() throws {
    #expect(try row("/c/letters/1", outside: "/c") == [.null, .null])
    #expect(try row("/c2/k=a/n=1/f", outside: "/c") == [.string("a"), .integer(1)])
  }
}
