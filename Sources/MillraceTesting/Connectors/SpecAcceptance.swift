public import MillraceCore

/// Holds a connector's description to what validation, help and reference pages need of it.
public struct SpecAcceptance {
  private let connector: any Connector

  /// A kit for one connector.
  public init(_ connector: any Connector) { self.connector = connector }

  /// Checks the description and that wrong options are refused.
  public func run() -> AcceptanceReport {
    var report = AcceptanceReport(connector.spec.name)
    SpecAcceptance.check(connector, into: &report)
    return report
  }

  static func check(_ connector: any Connector, into report: inout AcceptanceReport) {
    let spec = connector.spec
    report.check("description is whole") {
      try AcceptanceFault.unless(connector.spec.name, is: spec.name, "the name at a second call")
      if spec.kinds.isEmpty { throw AcceptanceFault("it is neither source, sink nor state store") }
      try checkSentence(spec.summary, "the connector")
      for (kind, list) in [
        (ConnectorSpec.Kind.source, spec.sourceFields), (.sink, spec.sinkFields), (.stateStore, spec.stateStoreFields),
      ]
      where !list.isEmpty && !spec.kinds.contains(kind) {
        throw AcceptanceFault("it has options of a \(kind.rawValue), which it is not")
      }
      return "\(spec.sourceFields.count + spec.sinkFields.count + spec.stateStoreFields.count) options"
    }
    report.check("each option is whole") {
      for list in [spec.sourceFields, spec.sinkFields, spec.stateStoreFields] {
        try AcceptanceFault.unless(Set(list.map { $0.name.lowercased() }).count, is: list.count, "different names")
        for field in list { try check(field, among: list) }
      }
      return "names, summaries, defaults, examples, ranges"
    }
    report.check("wrong options are refused by code") {
      var count = 0
      for list in [spec.sourceFields, spec.sinkFields, spec.stateStoreFields] {
        count += try refusals(list, of: spec.name)
      }
      return "\(count) wrong values"
    }
  }

  private static func checkSentence(_ text: String, _ owner: String) throws {
    if text.isEmpty || text.last != "." { throw AcceptanceFault("the summary of \(owner) is no sentence: '\(text)'") }
  }

  private static func check(_ field: OptionField, among list: [OptionField]) throws {
    try checkSentence(field.summary, "option '\(field.name)'")
    if field.isRequired && field.defaultValue != nil {
      throw AcceptanceFault("option '\(field.name)' is required and has a default")
    }
    if let other = field.deprecatedFor, !list.contains(where: { $0.name == other }) {
      throw AcceptanceFault("option '\(field.name)' was replaced by '\(other)', which there is not")
    }
    var optional = field
    optional.isRequired = false
    for text in [field.defaultValue, field.example].compactMap({ $0 }) {
      _ = try Options([field.name: text], fields: [optional], of: "the description")
    }
  }

  /// Tries wrong values for each option; gives how many there were.
  private static func refusals(_ list: [OptionField], of owner: String) throws -> Int {
    var tried = 0
    func expect(_ code: String, _ values: [String: String], _ fields: [OptionField]) throws {
      tried += 1
      do {
        _ = try Options(values, fields: fields, of: owner)
      } catch let error as MillraceError {
        return try AcceptanceFault.unless(error.code, is: code, "code for \(values)")
      }
      throw AcceptanceFault("\(values) was taken")
    }
    let optional = list.map { field in
      var field = field
      field.isRequired = false
      return field
    }
    try expect("OPTION_UNKNOWN", ["no-such-option": "1"], optional)
    for (field, plain) in zip(list, optional) {
      if field.isRequired { try expect("OPTION_MISSING", [:], [field]) }
      switch field.type {
      case .integer, .number, .boolean, .duration, .byteCount:
        try expect("OPTION_WRONG_TYPE", [field.name: "not a \(field.type)"], [plain])
      case .choice: try expect("OPTION_OUT_OF_RANGE", [field.name: "no such word"], [plain])
      case .string, .path, .list: break
      }
      if let range = field.range, case .integer = field.type {
        if range.lowerBound > .min {
          try expect("OPTION_OUT_OF_RANGE", [field.name: String(range.lowerBound - 1)], [plain])
        }
        if range.upperBound < .max {
          try expect("OPTION_OUT_OF_RANGE", [field.name: String(range.upperBound + 1)], [plain])
        }
      }
      try expect("OPTION_REPEATED", [field.name.lowercased(): "1", field.name.uppercased(): "1"], [plain])
    }
    return tried
  }
}
