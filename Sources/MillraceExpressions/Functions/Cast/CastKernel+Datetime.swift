import MillraceColumnar

extension CastKernel {
  /// Casts from and to dates and timestamps; nil for all others.
  static func datetime(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function? {
    switch (source, target) {
    case (.string, .date): return { try parse($0, target, options, TimestampText.date) }
    case (.string, .timestampNTZ): return { try parse($0, target, options) { TimestampText.timestampNTZ($0) } }
    case (.string, .timestamp):
      let zone = try TimeZoneRules.required(options.timeZone)
      return { try parse($0, target, options) { TimestampText.timestamp($0, zone: zone) } }
    case (.date, .timestampNTZ), (.date, .timestamp), (.timestampNTZ, .timestamp), (.timestampNTZ, .date),
      (.timestamp, .date), (.timestamp, .timestampNTZ):
      return try betweenDatetimes(source, target, options)
    case (.timestamp, _) where target.isNumeric: return try fromTimestamp(target, options)
    case (_, .timestamp) where source.isNumeric: return try toTimestamp(source, options)
    default: return nil
    }
  }

  private static func betweenDatetimes(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function {
    let zone = source == .timestamp || target == .timestamp ? try TimeZoneRules.required(options.timeZone) : .utc
    switch (source, target) {
    case (.date, _):
      return { .map(target, $0) { (days: Int32) -> Int64 in zone.utc(fromLocal: Int64(days) &* 86_400_000_000) } }
    case (.timestampNTZ, .timestamp):
      return { .map(target, $0) { (value: Int64) -> Int64 in zone.utc(fromLocal: value) } }
    case (.timestamp, .timestampNTZ):
      return { .map(target, $0) { (value: Int64) -> Int64 in zone.local(fromUTC: value) } }
    default:
      return { vector in
        .map(.date, vector) { (value: Int64) -> Int32 in
          let local = source == .timestamp ? zone.local(fromUTC: value) : value
          return Int32(truncatingIfNeeded: CivilDateTime.split(local).day)
        }
      }
    }
  }

  private static func fromTimestamp(_ target: DataType, _ options: Options) throws -> Function {
    switch target {
    case .float: return { .map(target, $0) { (value: Int64) -> Float in Float(Double(value) / 1e6) } }
    case .double: return { .map(target, $0) { (value: Int64) -> Double in Double(value) / 1e6 } }
    case .decimal(let precision, let scale):
      let rescale = try make(.decimal(precision: 38, scale: 6), .decimal(precision: precision, scale: scale), options)
      return { try rescale(.map(.decimal(precision: 38, scale: 6), $0) { (value: Int64) -> Int128 in Int128(value) }) }
    default:
      let narrow = try make(.long, target, options)
      return { try narrow(.map(.long, $0) { (value: Int64) -> Int64 in value.flooredSecond }) }
    }
  }

  /// Numbers are seconds since the epoch.
  private static func toTimestamp(_ source: DataType, _ options: Options) throws -> Function {
    switch source {
    case .float, .double:
      let widen = try make(source, .double, options)
      return { vector in
        try .checkedMap(.timestamp, try widen(vector), isTry: options.isTry) { (value: Double) -> (Int64, UInt8) in
          let scaled = (value * 1e6).rounded(.towardZero)
          return scaled >= -0x1p63 && scaled < 0x1p63 ? (Int64(scaled), 0) : (0, 1)
        } failure: { value in
          value.isFinite
            ? CastRules.overflow("\(value)", source, .timestamp)
            : CastRules.invalidInput("\(value)", source, .timestamp)
        }
      }
    case .decimal(_, let scale):
      return { vector in
        try .checkedMap(.timestamp, vector, isTry: options.isTry) { (value: Int128) -> (Int64, UInt8) in
          let (scaled, overflow) = value.multipliedReportingOverflow(by: 1_000_000)
          guard !overflow, let result = Int64(exactly: scaled / Decimal128.power(scale)) else { return (0, 1) }
          return (result, 0)
        } failure: {
          CastRules.overflow(decimalText($0, scale), source, .timestamp)
        }
      }
    default:
      let widen = try make(source, .long, options)
      return { vector in
        // Spark saturates here instead of failing.
        .map(.timestamp, try widen(vector)) { (value: Int64) -> Int64 in
          let (result, overflow) = value.multipliedReportingOverflow(by: 1_000_000)
          return overflow ? (value < 0 ? .min : .max) : result
        }
      }
    }
  }
}
