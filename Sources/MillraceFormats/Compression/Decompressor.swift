/// Turns compressed bytes into plain ones, a window at a time. Used by one thread at a time.
public protocol Decompressor: AnyObject {
  /// Takes bytes from the start of `input` and puts plain bytes at the start of `output`. `isFinal` says that nothing follows `input`.
  ///
  /// Call again with the rest of the input (or more of it) until `isFinished`. Damage is reported by an error, after all bytes
  /// before it were given; the caller adds the place by `compressedOffset`.
  func decompress(_ input: UnsafeRawBufferPointer, isFinal: Bool, into output: UnsafeMutableRawBufferPointer) throws
    -> DecompressionStep
  /// Compressed bytes taken so far.
  var compressedOffset: Int64 { get }
  /// Plain bytes given so far.
  var plainOffset: Int64 { get }
}

/// What one call of a decompressor came to.
public struct DecompressionStep: Sendable {
  /// Input bytes that were used up.
  public var consumed: Int
  /// Output bytes that were filled.
  public var produced: Int
  /// Whether the whole input was well and ended.
  public var isFinished: Bool

  /// Makes a step.
  public init(consumed: Int, produced: Int, isFinished: Bool) {
    self.consumed = consumed
    self.produced = produced
    self.isFinished = isFinished
  }
}
