import MillraceCore
import Testing

@testable import MillraceCLI

struct TopTableTests {
  @Test func aRunIsATable() throws {
    let status = try JSON(
      parsing: """
        {"file":"p.json","processId":42,"uptimeMs":65000,"pipelines":[
          {"name":"traffic","state":"running","batchId":12,"batchMs":120,"rowsInPerSecond":1250000.0,"rowsOutPerSecond":0.5,
           "rowsIn":3400000,"rowsOut":17,"stateRows":1500,"stateBytes":2097152,"backlog":5000,"badRecords":2,"lateRows":1,
           "rejectedRows":0,"watermark":"2026-11-23T14:06:26.355Z","lastError":null,
           "sources":[{"name":"requests","rows":3400000,"rowsPerSecond":1250000.0,"badRecords":2,"backlog":5000}],
           "sinks":[{"name":"per-minute","rows":17,"rowsPerSecond":0.5,"rejectedRows":0}]},
          {"name":"idle","state":"failed","batchId":null,"batchMs":null,"rowsIn":0,"rowsOut":0,"stateRows":0,"stateBytes":0,
           "rowsInPerSecond":0.0,"rowsOutPerSecond":0.0,"backlog":null,"badRecords":0,"lateRows":0,"rejectedRows":0,"watermark":null,
           "lastError":{"time":"2026-11-23T14:06:26.355Z","text":"[CODE] what"},"sources":[],"sinks":[]}]}
        """)
    #expect(
      TopTable(status).text == """
        p.json, process 42, for 1 min 5 s

        PIPELINE        STATE    BATCH  TIME    IN/S   OUT/S  ROWS IN  ROWS OUT  STATE ROWS  STATE SIZE  WAITING  LEFT OUT  WATERMARK
        traffic         running  12     120 ms  1.3 M  0.5    3.4 M    17        1.5 k       2 MiB       5 k      3         2026-11-23T14:06:26.355Z
          < requests                            1.3 M         3.4 M                                      5 k      2
          > per-minute                                 0.5             17                                         -
        idle            failed   -      -       0      0      0        0         0           -           -        -         -

        idle, 2026-11-23T14:06:26.355Z: [CODE] what
        """)
  }

  @Test func aRunWithoutPipelinesSaysSo() throws {
    let status = try JSON(parsing: #"{"file":"p.json","processId":1,"uptimeMs":0,"pipelines":[]}"#)
    #expect(TopTable(status).text == "p.json, process 1, for 0 µs\n\nno pipeline has started yet")
  }
}
