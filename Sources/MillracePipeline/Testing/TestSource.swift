import Glibc
import MillraceCore

/// Gives what a test gives: the bytes of each batch in a batch of its own. Its offset is the number of batches that are done.
final class TestSource: ByteSource {
  private let name: String
  private let batches: [[UInt8]]
  private let onPlan: @Sendable (Int) -> Void

  /// `onPlan` is told which batch comes next.
  init(name: String, batches: [[UInt8]], onPlan: @escaping @Sendable (Int) -> Void) {
    self.name = name
    self.batches = batches
    self.onPlan = onPlan
  }

  var description: String { "test[\(name)]" }

  func freeze() throws {}

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let batch = Self.batch(offset)
    guard batch < batches.count else { return nil }
    onPlan(batch)
    let split = SourceSplit(name: name, payload: .int(Int64(batch)))
    return SourcePlan(
      splits: batches[batch].isEmpty ? [] : [split], end: Offset(.dictionary(["batches": .int(Int64(batch) + 1)])))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    plan.end ?? Offset(.dictionary(["batches": .int(Int64(Self.batch(offset)))]))
  }

  func open(_ split: SourceSplit) throws -> any ByteReader {
    let batch = Int(split.payload.int ?? 0)
    return Reader(batches.indices.contains(batch) ? batches[batch] : [])
  }

  private static func batch(_ offset: Offset?) -> Int { Int(offset?.json["batches"]?.int ?? 0) }

  private final class Reader: ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      let count = min(buffer.count, rest.count)
      rest.withUnsafeBytes { bytes in
        if let from = bytes.baseAddress, let to = buffer.baseAddress { memcpy(to, from, count) }
      }
      rest = rest.dropFirst(count)
      return count
    }

    func close() {}
  }
}
