import Glibc
import MillraceColumnar
import MillraceCore

/// The stored ratios: times of the calibrating kernel that a million rows took when the file was written.
struct Thresholds {
  /// The file beside these sources.
  static let path =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    + "/thresholds.json"

  private(set) var ratios: [String: Double] = [:]

  /// Reads a file; one that is not there holds no thresholds.
  init(_ path: String) throws {
    guard let file = fopen(path, "r") else { return }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    for member in try JSON(parsing: String(decoding: bytes, as: UTF8.self)).members ?? [] {
      switch member.value {
      case .double(let ratio): ratios[member.key] = ratio
      case .int(let ratio): ratios[member.key] = Double(ratio)
      default: throw MillraceError("INTERNAL_ERROR", "\(path): '\(member.key)' is no number")
      }
    }
  }

  /// Replaces the ratios of `measured`, leaves those of benchmarks that were not run.
  mutating func update(_ measured: some Sequence<(String, Measurement)>) {
    for (name, measurement) in measured { ratios[name] = (measurement.ratio * 1000).rounded() / 1000 }
  }

  /// Forgets benchmarks that do not exist any more.
  mutating func keep(_ names: Set<String>) { ratios = ratios.filter { names.contains($0.key) } }

  /// Writes one line per benchmark, sorted, so that a change shows which moved.
  func write(_ path: String) throws {
    guard let file = fopen(path, "w") else {
      throw MillraceError("IO_ERROR", "cannot write \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    let lines = ratios.sorted { $0.key < $1.key }.map { "  \(JSON.string($0.key).text): \($0.value)" }
    fputs("{\n" + lines.joined(separator: ",\n") + "\n}\n", file)
  }
}
