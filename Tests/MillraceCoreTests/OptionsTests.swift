import MillraceCore
import Testing

/// Options as connectors get them: unknown and missing ones refused, values read by the field's type.
@Suite struct OptionsTests {
  private static let fields = [
    OptionField("path", .path, "Where the files are.", isRequired: true),
    OptionField("port", .integer, "Port of the peer.", default: "9999", range: 1...65535),
    OptionField("header", .boolean, "Whether the first line has names.", default: "false"),
    OptionField("rotateWait", .duration, "How long to wait.", range: 0...60_000_000),
    OptionField("maxBytesPerTrigger", .byteCount, "How much to read.", range: 1...(1 << 30)),
    OptionField("ratio", .number, "A share."),
    OptionField("compression", .choice(["none", "gzip"]), "How files are compressed.", default: "none"),
    OptionField("keys", .list(.string), "Columns that tell rows apart."),
  ]

  private static func options(_ values: [String: String]) throws -> Options {
    try Options(["path": "x"].merging(values) { $1 }, fields: fields, of: "the source 'in'")
  }

  /// The code and, behind it, the hint of the error that `values` give; "" where they are accepted.
  private static func objection(_ values: [String: String]) -> String {
    do {
      _ = try options(values)
      return ""
    } catch let error as MillraceError {
      return "\(error.code): \(error.hint ?? "")"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsEveryType() throws {
    let options = try Self.options([
      "port": "80", "header": "TRUE", "rotateWait": "1 minute", "maxBytesPerTrigger": "64 MiB", "ratio": "0.25",
      "compression": "gzip", "keys": "a, b ,c",
    ])
    #expect(try options.required("path") == "x")
    #expect(try options.int("port") == 80)
    #expect(try options.bool("header") == true)
    #expect(try options.duration("rotateWait") == 60_000_000)
    #expect(try options.byteCount("maxBytesPerTrigger") == 64 << 20)
    #expect(options.string("compression") == "gzip")
    #expect(options.list("keys") == ["a", "b", "c"])
  }

  @Test func defaultsHoldWhereNothingIsGiven() throws {
    let options = try Self.options([:])
    #expect(try options.int("port") == 9999)
    #expect(try options.bool("header") == false)
    #expect(try options.duration("rotateWait") == nil)
    #expect(options.list("keys") == [])
    #expect(!options.isGiven("port"))
  }

  @Test func namesIgnoreCase() throws {
    let options = try Self.options(["PORT": "80"])
    #expect(try options.int("port") == 80)
    #expect(options.isGiven("Port"))
  }

  @Test(arguments: [
    (["prot": "80"], "OPTION_UNKNOWN: did you mean 'port'?"),
    (["maxBytesPerTriger": "1"], "OPTION_UNKNOWN: did you mean 'maxBytesPerTrigger'?"),
    (["HEADERS": "true"], "OPTION_UNKNOWN: did you mean 'header'?"),
    (
      ["q": "1"],
      "OPTION_UNKNOWN: options are: path, port, header, rotateWait, maxBytesPerTrigger, ratio, compression, keys"
    ), (["port": "80", "Port": "81"], "OPTION_REPEATED: give it once; names ignore case"),
    (["port": "eighty"], "OPTION_WRONG_TYPE: it takes a whole number"),
    (["port": "8.5"], "OPTION_WRONG_TYPE: it takes a whole number"),
    (["port": "0"], "OPTION_OUT_OF_RANGE: from 1 to 65535"),
    (["port": "65536"], "OPTION_OUT_OF_RANGE: from 1 to 65535"),
    (["header": "yes"], "OPTION_WRONG_TYPE: it takes true or false"),
    (["rotateWait": "soon"], "OPTION_WRONG_TYPE: it takes a duration such as '10 seconds'"),
    (["rotateWait": "-1 s"], "OPTION_OUT_OF_RANGE: from 0 to 60000000"),
    (["maxBytesPerTrigger": "2 GiB"], "OPTION_OUT_OF_RANGE: from 1 to 1073741824"),
    (["maxBytesPerTrigger": "all"], "OPTION_WRONG_TYPE: it takes a size such as '64 MiB'"),
    (["ratio": "half"], "OPTION_WRONG_TYPE: it takes a number"),
    (["compression": "zstd"], "OPTION_OUT_OF_RANGE: one of: none, gzip"),
  ])
  func refuses(values: [String: String], objection: String) { #expect(Self.objection(values) == objection) }

  @Test func asksForWhatIsMissing() throws {
    let error = #expect(throws: MillraceError.self) { try Options([:], fields: Self.fields, of: "the source 'in'") }
    #expect(error?.code == "OPTION_MISSING")
    #expect(error?.message == "the source 'in' needs the option 'path'")
    #expect(error?.hint == "Where the files are.")
  }
}

/// Connectors by name.
@Suite struct ConnectorRegistryTests {
  private struct Named: Connector {
    let spec: ConnectorSpec
    init(_ name: String) { spec = ConnectorSpec(name: name, summary: "A \(name).", kinds: [.source]) }
  }

  private let registry = ConnectorRegistry([Named("socket"), Named("gzip-file"), Named("memory")])

  @Test func findsByNameInAnyCase() throws {
    #expect(try registry.connector("Gzip-File").spec.name == "gzip-file")
    #expect(registry.specs.map(\.name) == ["gzip-file", "memory", "socket"])
  }

  @Test(arguments: [
    ("sockets", "did you mean 'socket'?"), ("gzipfile", "did you mean 'gzip-file'?"),
    ("kafka", "connectors are: gzip-file, memory, socket"),
  ])
  func suggests(name: String, hint: String) {
    let error = #expect(throws: MillraceError.self) { try registry.connector(name) }
    #expect(error?.code == "DATA_SOURCE_NOT_FOUND")
    #expect(error?.hint == hint)
  }

  @Test func laterRegistrationReplaces() throws {
    var registry = registry
    registry.register(Named("SOCKET"))
    #expect(try registry.connector("socket").spec.name == "SOCKET")
    #expect(registry.specs.count == 3)
  }

  @Test func refusesWhatAConnectorIsNot() throws {
    let connector = Named("socket")
    let options = try Options([:], fields: [], of: "it")
    #expect(throws: MillraceError.self) { try connector.makeSource(SourceRequest(name: "s", options: options)) }
    let error = #expect(throws: MillraceError.self) {
      try connector.makeSink(SinkRequest(name: "s", options: options, schema: Schema(), outputMode: .append))
    }
    #expect(error?.code == "CONNECTOR_NOT_A_SINK")
  }
}
