import MillraceColumnar
public import MillraceCore

/// One case of the conformance corpus (`Tests/Conformance/README.md`): a query with the answer that Spark gave.
public struct ConformanceCase: Sendable {
  /// `family/case`.
  public var name: String
  /// `sql` or `stream`.
  public var kind: String
  let json: JSON

  /// The part of the name before the slash.
  public var family: String { String(name.prefix { $0 != "/" }) }

  /// The cases of a file: a JSON array.
  public static func read(_ path: String, environment: Environment = .live) throws -> [ConformanceCase] {
    let file = try environment.files.open(path, .read)
    defer { try? file.close() }
    let size = Int(try file.status().size)
    let buffer = MemoryBuffer(capacity: size)
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: size)
    let count = try file.read(into: bytes, at: 0)
    let text = String(decoding: UnsafeRawBufferPointer(start: buffer.base, count: count), as: UTF8.self)
    guard let cases = try JSON(parsing: text).array else {
      throw MillraceError("CONFORMANCE_FORMAT", "'\(path)' is no JSON array of cases")
    }
    return try cases.map { json in
      guard let name = json["name"]?.string, let kind = json["kind"]?.string else {
        throw MillraceError("CONFORMANCE_FORMAT", "a case of '\(path)' has no name or kind")
      }
      return ConformanceCase(name: name, kind: kind, json: json)
    }
  }

  /// Whether what comes out in the end has nothing to do with how rows fall into batches: not so in update mode, where an error is expected, or
  /// where the case is about batches.
  package var isIndependentOfCuts: Bool {
    let isUpdate = json["outputMode"]?.string == "update"
    return !isUpdate && expectedError == nil && (json["failSinkAt"]?.array ?? []).isEmpty
      && (json["restartAfter"]?.array ?? []).isEmpty
  }

  /// The error class that is expected; `.none` when the case succeeds.
  var expectedError: ExpectedError? {
    guard let error = json["error"], error.members != nil else { return nil }
    return ExpectedError(code: error["class"]?.string, phase: error["phase"]?.string ?? "execution")
  }

  /// What kind of failure is a pass.
  struct ExpectedError {
    var code: String?
    var phase: String

    /// Codes without a stable name in Spark accept any error.
    var acceptsAny: Bool {
      guard let code else { return true }
      return code.hasPrefix("_LEGACY_ERROR_TEMP_") || code.hasPrefix("INTERNAL_ERROR")
    }

    func matches(_ error: any Error) -> Bool {
      if acceptsAny { return true }
      return (error as? MillraceError)?.rootCode(code ?? "") == code
    }
  }
}

extension MillraceError {
  /// The code of this error or of one that caused it, preferring `wanted`.
  fileprivate func rootCode(_ wanted: String) -> String {
    if code == wanted { return code }
    if let inner = cause as? MillraceError { return inner.rootCode(wanted) }
    return code
  }
}

/// How a case came out.
public struct ConformanceResult: Sendable {
  /// The case's name.
  public var name: String
  /// What differs; nil for a pass.
  public var failure: String?
  /// Whether only automatic column names differ.
  public var isNameOnly = false
}
