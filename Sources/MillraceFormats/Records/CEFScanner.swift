import CKernels
import MillraceColumnar
import MillraceCore

/// ArcSight's Common Event Format: `CEF:0|vendor|product|version|signature|name|severity|key=value …`, whatever stands in front of it.
struct CEFScanner: RecordScanner {
  let name = "cef"
  let fields = [
    RecordField("version", .integer), RecordField("device_vendor", .string), RecordField("device_product", .string),
    RecordField("device_version", .string), RecordField("signature_id", .string), RecordField("name", .string),
    RecordField("severity", .string),
    RecordField(
      "extension", .map(key: .string, value: .string, valueContainsNull: true), .pairs(.cef)),
  ]

  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    guard let start = record.find("CEF:") else { return false }
    _ = record.take(to: start + 4)
    guard let version = record.take(until: 0x7C) else { return false }
    spans.note(0, version)
    for field in 1...6 {
      guard let text = part(&record, isLast: field == 6) else { return false }
      spans.note(field, text)
    }
    if !record.isAtEnd { spans.note(7, record.takeRest()) }
    return true
  }

  /// What stands in front of the next bar without a backslash. The last bar may be missing where no extension follows.
  private func part(_ record: inout RecordText, isLast: Bool) -> UInt64? {
    let text = record.takeEscaped(until: 0x7C)
    return record.skip(0x7C) || isLast ? text : nil
  }
}

extension DecoderFormat {
  /// Common Event Format.
  public static let cef = records("cef", "Security events in ArcSight's Common Event Format") { _ in CEFScanner() }
}
