/// What is said about the event time of a stream beside its column. Times in microseconds.
public struct WatermarkSettings: Sendable, Hashable {
  /// How far the watermark stays behind the latest event time.
  public var delay: Int64
  /// When nothing came for so long by the clock of the batches, other streams alone decide about the query's watermark; nil: this
  /// one holds it for ever, as in Spark.
  public var idleTimeout: Int64?
  /// Rows whose event time is further ahead of their batch's clock do not move the watermark; nil: all do, as in Spark.
  public var maxFutureSkew: Int64?

  /// Settings of a watermark.
  public init(delay: Int64, idleTimeout: Int64? = nil, maxFutureSkew: Int64? = nil) {
    self.delay = delay
    self.idleTimeout = idleTimeout
    self.maxFutureSkew = maxFutureSkew
  }
}
