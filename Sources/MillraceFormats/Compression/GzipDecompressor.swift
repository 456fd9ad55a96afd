import MillraceColumnar

/// Reads gzip: any number of members one after the other, zeros as padding. CRC and length are checked.
public final class GzipDecompressor: Decompressor {
  /// What comes next in the input.
  private enum State {
    /// A member's header, of which so many bytes were seen.
    case header
    case body
    /// CRC and length, of which `count` bytes were seen.
    case trailer(count: Int, bytes: UInt64)
    /// Nothing, another member or padding.
    case gap
    case finished
  }

  private let engine: any InflateEngine
  private var state = State.header
  private var header = GzipHeader()
  /// Bytes that the engine took too many, first byte lowest.
  private var lookahead: UInt64 = 0
  private var lookaheadCount = 0
  private var crc: UInt32 = 0
  private var memberLength: UInt32 = 0
  private var damage: MillraceError?
  /// Where another member can be looked for behind damage.
  private(set) var searchStart: Int64 = 0
  /// Compressed bytes taken so far, counted from the file's start.
  public private(set) var compressedOffset: Int64 = 0
  /// Plain bytes given so far, counted from the file's start.
  public private(set) var plainOffset: Int64 = 0
  /// Where the present member starts, compressed and plain: reading can begin anew there.
  public private(set) var memberStart = GzipRestartPoint()

  /// A decompressor that begins at a member's start.
  public init(_ library: InflateLibrary = .preferred, from start: GzipRestartPoint = GzipRestartPoint()) {
    engine = library.makeEngine()
    compressedOffset = start.compressed
    plainOffset = start.plain
    memberStart = start
  }

  /// Takes input and fills output as far as either goes.
  public func decompress(
    _ input: UnsafeRawBufferPointer, isFinal: Bool, into output: UnsafeMutableRawBufferPointer
  ) throws -> DecompressionStep {
    if let damage { throw damage }
    var step = DecompressionStep(consumed: 0, produced: 0, isFinished: false)
    do {
      try run(input, isFinal: isFinal, output, &step)
    } catch let error as MillraceError {
      damage = error
      searchStart = placeToSearch()
      if step.produced == 0 { throw error }
    }
    return step
  }

  /// The next member may begin before the place where the damage showed, even if that is a checksum: what follows a member that was cut
  /// short is taken for a part of it for a while.
  private func placeToSearch() -> Int64 {
    let next = memberStart.compressed + 1
    switch state {
    case .gap: return compressedOffset - 1
    default: return max(next, compressedOffset - 64 << 10)
    }
  }

  private func run(
    _ input: UnsafeRawBufferPointer, isFinal: Bool, _ output: UnsafeMutableRawBufferPointer,
    _ step: inout DecompressionStep
  ) throws {
    while true {
      switch state {
      case .body:
        if step.produced == output.count { return }
        let before = (step.consumed, step.produced)
        try inflate(input, output, &step)
        guard case .body = state, before == (step.consumed, step.produced) else { continue }
        if isFinal { throw truncated("data") }
        return
      case .header:
        guard let byte = nextByte(input, &step) else {
          if isFinal { throw truncated("header") }
          return
        }
        if try header.take(byte, at: compressedOffset - 1) {
          engine.reset()
          crc = 0
          memberLength = 0
          state = .body
        }
      case .trailer(let count, let bytes):
        guard let byte = nextByte(input, &step) else {
          if isFinal { throw truncated("trailer") }
          return
        }
        let seen = bytes | UInt64(byte) << UInt64(count * 8)
        state = .trailer(count: count + 1, bytes: seen)
        if count == 7 { try check(seen) }
      case .gap:
        guard let byte = nextByte(input, &step) else {
          if !isFinal { return }
          state = .finished
          continue
        }
        if byte == 0 { continue }
        guard byte == 0x1F else {
          throw failure("GZIP_TRAILING_DATA", "has bytes behind its last member", at: compressedOffset - 1)
        }
        memberStart = GzipRestartPoint(compressed: compressedOffset - 1, plain: plainOffset)
        header = GzipHeader()
        state = .header
        _ = try header.take(byte, at: compressedOffset - 1)
      case .finished:
        step.isFinished = true
        return
      }
    }
  }

  private func inflate(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ step: inout DecompressionStep
  ) throws {
    let target = UnsafeMutableRawBufferPointer(rebasing: output[step.produced...])
    let source = UnsafeRawBufferPointer(rebasing: input[step.consumed...])
    do {
      let part = try engine.inflate(source, into: target)
      took(part.consumed, &step)
      gave(part.produced, target, &step)
      if part.isFinished {
        lookahead = part.lookahead
        lookaheadCount = part.lookaheadCount
        compressedOffset -= Int64(lookaheadCount)
        state = .trailer(count: 0, bytes: 0)
      }
    } catch let error as DamagedDeflate {
      gave(error.produced, target, &step)
      throw failure("GZIP_DAMAGED", "has compressed data that cannot be decoded", at: compressedOffset)
    }
  }

  private func took(_ count: Int, _ step: inout DecompressionStep) {
    step.consumed += count
    compressedOffset += Int64(count)
  }

  private func gave(_ count: Int, _ target: UnsafeMutableRawBufferPointer, _ step: inout DecompressionStep) {
    if count == 0 { return }
    crc = engine.crc(crc, UnsafeRawBufferPointer(rebasing: target[..<count]))
    memberLength &+= UInt32(truncatingIfNeeded: count)
    step.produced += count
    plainOffset += Int64(count)
  }

  private func nextByte(_ input: UnsafeRawBufferPointer, _ step: inout DecompressionStep) -> UInt8? {
    if lookaheadCount > 0 {
      let byte = UInt8(truncatingIfNeeded: lookahead)
      lookahead >>= 8
      lookaheadCount -= 1
      compressedOffset += 1
      return byte
    }
    if step.consumed == input.count { return nil }
    let byte = input[step.consumed]
    took(1, &step)
    return byte
  }

  private func check(_ trailer: UInt64) throws {
    guard UInt32(truncatingIfNeeded: trailer) == crc, UInt32(truncatingIfNeeded: trailer >> 32) == memberLength else {
      throw failure("GZIP_CRC", "has a member whose checksum or length does not fit its data", at: compressedOffset - 8)
    }
    state = .gap
  }

  private func truncated(_ part: String) -> MillraceError {
    failure("GZIP_TRUNCATED", "ends inside a gzip member's \(part)", at: compressedOffset)
  }

  private func failure(_ code: String, _ what: String, at offset: Int64) -> MillraceError {
    let member = code == "GZIP_TRAILING_DATA" ? "" : " of the member that begins at byte \(memberStart.compressed)"
    return MillraceError(
      code, "the gzip file \(what), at compressed byte \(offset)\(member)",
      hint: (code == "GZIP_TRAILING_DATA"
        ? "remove what stands behind the last member"
        : "put the whole file there again ('gzip -t' tells whether it is)")
        + ", or let the source's option onCorrupt say how to go on",
      fault: .external)
  }
}

/// A member's start in a gzip file, in compressed bytes and in the plain bytes before it.
public struct GzipRestartPoint: Sendable, Hashable {
  /// Offset in the file.
  public var compressed: Int64
  /// Offset in what the file holds.
  public var plain: Int64

  /// Makes a restart point; the file's start by default.
  public init(compressed: Int64 = 0, plain: Int64 = 0) {
    self.compressed = compressed
    self.plain = plain
  }
}
