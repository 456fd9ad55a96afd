import CKernels
import MillraceColumnar
import MillraceCore

/// A format whose records have the same fields in the same order, such as syslog.
protocol RecordScanner: Sendable {
  /// The word behind `decode`.
  var name: String { get }
  /// The columns.
  var fields: [RecordField] { get }
  /// Notes where the fields of a record lie, as positions in `fields`. False if it is no such record.
  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool
}

/// One column of such a format.
struct RecordField: Sendable {
  let name: String
  let type: DataType
  let form: Form

  /// How the bytes of a field become a value.
  enum Form: Sendable {
    /// By the column's type.
    case plain
    /// A time as only this kind of log writes it.
    case time(LogTime.Form)
    /// A number noted with `RecordSpans.note(_:code:)`, shown as one of these words.
    case code([StaticString])
    /// Keys and values.
    case pairs(PairSyntax)
  }

  init(_ name: String, _ type: DataType, _ form: Form = .plain) {
    self.name = name
    self.type = type
    self.form = form
  }
}

/// Where the fields of one row are noted. A column that nobody wants has no memory.
struct RecordSpans {
  let columns: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>?>
  let row: Int

  /// Notes where a field lies; a field that is not there is NULL.
  func note(_ field: Int, _ span: UInt64?) { columns[field]?[row] = span ?? 0 }

  /// Notes the number of a word.
  func note(_ field: Int, code: Int) { columns[field]?[row] = ck_span(code, 1, UInt32(CK_NUMBER)) }

  /// Notes where a field lies in which a hyphen stands for nothing.
  func noteUnlessHyphen(_ field: Int, _ span: UInt64?, _ record: RecordText) {
    guard let span, ck_span_length(span) != 1 || record.base[ck_span_offset(span)] != 0x2D else { return }
    note(field, span)
  }
}
