import MillraceColumnar

/// Times moved between zones.
enum ZoneFunctions {
  static let all: [ScalarFunction] = [
    shift(
      "from_utc_timestamp", "The clock time of a zone for a clock time of UTC.",
      "from_utc_timestamp('2016-08-31', 'Asia/Seoul')"
    ) {
      $1.local(fromUTC: $0)
    },
    shift(
      "to_utc_timestamp", "The clock time of UTC for a clock time of a zone.",
      "to_utc_timestamp('2016-08-31', 'Asia/Seoul')"
    ) {
      $1.utc(fromLocal: $0)
    },
    ScalarFunction(
      "convert_timezone",
      summary: "The clock time of the second zone for a clock time of the first (the session's if left out).",
      example: "convert_timezone('Europe/Brussels', 'America/Los_Angeles', TIMESTAMP_NTZ'2021-12-06 00:00:00')"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 2 ? [.string(context.timeZone)] + arguments : arguments
      let bound = try Arguments.coerce(
        "convert_timezone", given, [.string, .string, .type(.timestampNTZ)], counts: 2...3, context)
      return Bind.call("convert_timezone", bound, .timestampNTZ, canFail: true) { vectors, count in
        var from = ZoneMemo(), to = ZoneMemo()
        return try RowLoop.values(.timestampNTZ, vectors, count) { row -> Int64? in
          let source = try from.zone(vectors[0].views[vectors[0].slot(row)])
          return try to.zone(vectors[1].views[vectors[1].slot(row)]).local(
            fromUTC: source.utc(fromLocal: vectors[2].long(row)))
        }
      }
    },
  ]

  private static func shift(
    _ name: String, _ summary: String, _ example: String, _ body: @escaping @Sendable (Int64, TimeZoneRules) -> Int64
  ) -> ScalarFunction {
    ScalarFunction(
      name, summary: summary, example: example,
      bind: Bind.fixed(name, [.type(.timestamp), .string], .timestamp, canFail: true) { vectors, count in
        var memo = ZoneMemo()
        return try RowLoop.values(.timestamp, vectors, count) { row -> Int64? in
          body(vectors[0].long(row), try memo.zone(vectors[1].views[vectors[1].slot(row)]))
        }
      })
  }

  /// The zone of the last row, as names repeat.
  private struct ZoneMemo {
    private var name = StringView()
    private var known: TimeZoneRules?

    mutating func zone(_ view: StringView) throws -> TimeZoneRules {
      if let known, name == view { return known }
      let zone = try TimeZoneRules.required(view.string)
      name = view
      known = zone
      return zone
    }
  }
}
