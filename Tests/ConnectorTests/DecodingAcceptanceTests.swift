import MillraceCore
import MillraceFormats
import MillraceTesting
import Testing

/// Every decoder keeps the contract that the author's kit checks, with conditions pushed down and without.
struct DecodingAcceptanceTests {
  /// Records of one format.
  struct Sample: Sendable, CustomTestStringConvertible {
    var name: String
    var options: [String: String] = [:]
    var schema: Schema?
    var header: String?
    var records: [String]

    var testDescription: String { name }
  }

  private static let pairs = Schema([
    StructField("host", .string), StructField("n", .integer), StructField("ok", .boolean),
  ])

  static let samples: [Sample] = [
    Sample(name: "text", records: ["one", "", "two words", "Grüße", "one"]),
    Sample(
      name: "json", schema: pairs,
      records: [
        #"{"host":"a","n":1,"ok":true}"#, #"{"n":2,"host":"b"}"#,
        #"{"host":"a\u0062c","n":"3","ok":false,"more":[1,{"x":"}"}]}"#,
        #"{"host":null,"n":null}"#, #"{}"#, "nonsense", #"{"host":"a much longer host than fits twelve bytes","n":5}"#,
      ]),
    Sample(
      name: "csv", options: ["header": "true"], schema: pairs, header: "host,n,ok",
      records: ["a,1,true", "\"b,c\",2,false", ",,", "a,x,true", "a,4"]),
    Sample(name: "tsv", schema: pairs, records: ["a\t1\ttrue", "b\t2\tfalse", "\t\t", "a\t3\ttrue"]),
    Sample(
      name: "clf",
      records: [
        #"1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326"#,
        #"1.2.3.5 - - [10/Oct/2000:13:55:37 -0700] "POST /b HTTP/1.1" 404 -"#, "nonsense",
      ]),
    Sample(
      name: "combined",
      records: [
        #"1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "http://x/" "agent one""#,
        #"1.2.3.5 - - [10/Oct/2000:13:55:37 -0700] "POST /b HTTP/1.1" 404 - "-" "-""#,
        #"1.2.3.4 - - [10/Oct/2000:13:55:38 -0700] "GET /c HTTP/1.1" 500 17 "-" "agent two""#,
      ]),
    Sample(
      name: "syslog",
      records: [
        #"<165>1 2003-10-11T22:14:15.003Z mymachine evntslog 99 ID47 [ex@3 iut="3"] An event"#,
        "<34>1 - - - - - -", "2003-10-11T22:14:15.003+02:00 host cron[1]: x", "nonsense",
      ]),
    Sample(name: "logfmt", schema: pairs, records: ["host=a n=1 ok=true", "n=2 host=\"b c\"", "", "host=a other=1"]),
    Sample(name: "ltsv", schema: pairs, records: ["host:a\tn:1\tok:true", "n:2\thost:b c", "host:a\tother:1"]),
    Sample(
      name: "key-value", schema: pairs, records: ["host=a n=1 ok=true", "n=2 host=b", "host=a other=1"]),
    Sample(
      name: "apache-error",
      records: [
        "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 432] [client 72.15.99.187:80] AH00128: File does not exist: /x",
        "[Wed Oct 11 14:32:53 2000] [notice] [x] resuming", "nonsense",
      ]),
    Sample(
      name: "nginx-error",
      records: [
        #"2023/01/02 03:04:05 [error] 31337#7: *42 open() "/x" failed (2: No such file), client: 1.2.3.4, server: s, request: "GET /a HTTP/1.1", host: "h""#,
        "2023/01/02 03:04:06 [notice] 1#1: start worker", "nonsense",
      ]),
    Sample(
      name: "w3c", options: ["fields": "c-ip sc-status"],
      schema: Schema([StructField("c_ip", .string), StructField("sc_status", .integer)]),
      header: "#Fields: c-ip sc-status", records: ["1.2.3.4 200", "1.2.3.5 -", "1.2.3.4 404"]),
    Sample(
      name: "cef",
      records: [
        "Sep 19 08:26:10 host CEF:0|Security|threat|1.0|100|worm stopped|10|src=10.0.0.1 msg=two words",
        "CEF:0|a|b|c|d|e|5|", "nonsense",
      ]),
    Sample(
      name: "gelf",
      records: [
        #"{"version":"1.1","host":"example.org","short_message":"A short message","level":5,"_user_id":42}"#,
        #"{"version":"1.1","host":"b","short_message":"x","timestamp":1385053862.3}"#, "nonsense",
      ]),
    Sample(
      name: "docker",
      records: [
        #"{"log":"a \"b\"\n","stream":"stderr","time":"2016-10-06T00:17:09.669794202Z"}"#,
        #"{"log":"something that is longer than twelve bytes\n","stream":"stdout"}"#, "nonsense",
      ]),
    Sample(
      name: "cri",
      records: [
        "2016-10-06T00:17:09.669794202Z stdout F log  content", "2016-10-06T00:17:10Z stderr F other", "nonsense",
      ]),
    Sample(
      name: "regex", options: ["pattern": #"(?<host>\S+) (?<n>\d+)"#],
      records: ["a 1", "b 22", "nonsense", "a 3"]),
    Sample(
      name: "grok", options: ["pattern": "%{WORD:host} %{INT:n}"], records: ["a 1", "b 22", "nonsense", "a 3"]),
  ]

  @Test func everyDecoderHasASample() {
    #expect(Set(Self.samples.map(\.name)) == Set(FormatRegistry.decoders.map(\.name)))
  }

  @Test(arguments: samples)
  func keepsTheContract(sample: Sample) throws {
    let format = try FormatRegistry.decoder(sample.name)
    let options = try Options(sample.options, fields: format.fields, of: sample.name)
    let decoding = try format.make(options, sample.schema, .null)
    let report = DecodingAcceptance(decoding, records: sample.records, header: sample.header).run()
    #expect(report.failures.isEmpty, "\(report)")
    #expect(report.lines.count == 4, "\(report)")
  }

  /// What is pushed down is heeded where that pays: JSON leaves out what a text does not equal.
  @Test func jsonLeavesOutRows() throws {
    let sample = try #require(Self.samples.first { $0.name == "json" })
    let report = DecodingAcceptance(try JSONDecoding(schema: sample.schema ?? Schema()), records: sample.records).run()
    let line = try #require(report.lines.last)
    guard case .passed(let note) = line.outcome else {
      Issue.record("\(report)")
      return
    }
    #expect(!note.hasSuffix(", 0 rows left out"), "\(note)")
  }
}
