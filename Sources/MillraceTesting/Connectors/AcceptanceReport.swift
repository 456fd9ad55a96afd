/// What an acceptance kit found: a table of checks, which also says what was not looked at.
public struct AcceptanceReport: Sendable, CustomStringConvertible {
  /// How one check ended.
  public enum Outcome: Sendable, Hashable {
    /// The connector keeps this part of the contract; the text says how much was tried.
    case passed(String)
    /// It does not.
    case failed(String)
    /// The check does not apply, or cannot be made on this connector; the text says why.
    case skipped(String)
  }

  /// One line of the table.
  public struct Line: Sendable, Hashable {
    /// What was looked at.
    public var check: String
    /// How it ended.
    public var outcome: Outcome
  }

  /// The connector and what it was tried as, for instance `gzip-file sink`.
  public let subject: String
  /// In the order in which the checks ran.
  public private(set) var lines: [Line] = []

  init(_ subject: String) { self.subject = subject }

  /// Descriptions of the checks that failed.
  public var failures: [String] {
    lines.compactMap { line in
      if case .failed(let reason) = line.outcome { "\(subject): \(line.check): \(reason)" } else { nil }
    }
  }

  /// A Markdown table.
  public var description: String {
    let rows = lines.map { line in
      switch line.outcome {
      case .passed(let note): "| \(line.check) | passed | \(note) |"
      case .failed(let reason):
        "| \(line.check) | **failed** | \(reason.split(separator: "\n").joined(separator: " ")) |"
      case .skipped(let reason): "| \(line.check) | not applicable | \(reason) |"
      }
    }
    return (["| Check | Result | Extent |", "| --- | --- | --- |"] + rows).joined(separator: "\n")
  }

  /// Runs a check; what it throws makes it fail, what it gives is how much was tried.
  mutating func check(_ name: String, _ body: () throws -> String) {
    do { lines.append(Line(check: name, outcome: .passed(try body()))) } catch {
      lines.append(Line(check: name, outcome: .failed("\(error)")))
    }
  }

  mutating func skip(_ name: String, _ reason: String) { lines.append(Line(check: name, outcome: .skipped(reason))) }
}

/// How a connector broke its contract.
struct AcceptanceFault: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// Throws unless both are equal.
  static func unless<T: Equatable>(_ found: T, is expected: T, _ what: @autoclosure () -> String) throws {
    if found != expected { throw AcceptanceFault("\(what()): expected \(expected), found \(found)") }
  }
}
