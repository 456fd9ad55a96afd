import MillraceCore

/// How many rows there are after a number of seconds. While the speed ramps up it grows by the same step each second.
struct RateSpeed: Sendable {
  var rowsPerSecond: Int64
  var rampUpSeconds: Int64

  /// Rows of the first `seconds` seconds; nil when there are too many to count.
  func rows(after seconds: Int64) -> Int64? {
    let ramp = min(seconds, rampUpSeconds)
    let step = rowsPerSecond / (rampUpSeconds + 1)
    // 0 + step + 2 * step + … + (ramp - 1) * step: one of the two factors is even.
    let pairs =
      ramp % 2 == 0
      ? (ramp / 2).multipliedReportingOverflow(by: max(ramp - 1, 0))
      : ramp.multipliedReportingOverflow(by: (ramp - 1) / 2)
    let ramped = pairs.partialValue.multipliedReportingOverflow(by: step)
    let steady = (seconds - ramp).multipliedReportingOverflow(by: rowsPerSecond)
    let sum = ramped.partialValue.addingReportingOverflow(steady.partialValue)
    return pairs.overflow || ramped.overflow || steady.overflow || sum.overflow ? nil : sum.partialValue
  }
}
