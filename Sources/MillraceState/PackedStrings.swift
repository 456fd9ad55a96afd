import CKernels
import MillraceColumnar
import MillraceCore

/// Texts of one length as `ck_pack` packs them. Identifiers, of which many keys consist, take half: a UUID has 16 bytes and no more.
///
/// Bytes: a flag of 1, the length, the places of digits and those of other bytes (`UInt64` each), the first text, the rows.
enum PackedStrings {
  private static let longest = 64
  /// Rows from which packing is tried.
  private static let fewest = 16

  /// Appends the texts if they have one length and packing saves a quarter; else gives false, having done nothing. `layout` is that of texts
  /// before: where these fit it, too, they are not looked through for one.
  static func encode(_ column: ColumnVector, _ count: Int, _ layout: inout ck_pack_layout?, into out: ByteBuffer)
    -> Bool
  {
    guard count >= fewest, !column.mayHaveNulls else { return false }
    let views = column.views
    let length = views[0].count
    guard length > 0, length <= longest, (0..<count).allSatisfy({ views[$0].count == length }) else { return false }
    let words = UnsafeRawPointer(views).assumingMemoryBound(to: ck_view_words.self)
    if let known = layout, known.length == length, write(words, count, known, out) { return true }
    var found = ck_pack_layout()
    found.length = length
    ck_find_pack_layout(words, count, &found)
    guard ck_packed_size(&found) * 4 <= length * 3 else { return false }
    layout = found
    return write(words, count, found, out)
  }

  /// Appends texts in a layout; gives false, having done nothing, if one does not fit.
  private static func write(
    _ words: UnsafePointer<ck_view_words>, _ count: Int, _ layout: ck_pack_layout, _ out: ByteBuffer
  ) -> Bool {
    var layout = layout
    let headSize = 2 + 2 * MemoryLayout<UInt64>.size + layout.length
    let rowsSize = ck_packed_size(&layout) * count
    let rows = out.reserve(headSize + rowsSize + longest) + headSize
    guard ck_pack(words, count, &layout, rows.assumingMemoryBound(to: UInt8.self)) else { return false }
    out.append(1 as UInt8)
    out.append(UInt8(layout.length))
    out.append(raw: layout.digits)
    out.append(raw: layout.bytes)
    withUnsafeBytes(of: layout.text) { out.append(UnsafeRawBufferPointer(rebasing: $0[..<layout.length])) }
    out.advance(rowsSize)
    return true
  }

  /// Reads what follows the flag; throws `STATE_CORRUPT`.
  static func decode(_ type: DataType, _ count: Int, from reader: inout StateReader, validity: Bitmap?) throws
    -> ColumnVector
  {
    var layout = ck_pack_layout()
    layout.length = Int(try reader.read(UInt8.self))
    layout.digits = try reader.read(UInt64.self)
    layout.bytes = try reader.read(UInt64.self)
    guard ck_pack_layout_is_valid(&layout) else { throw StateDelta.corrupt("packed texts have no valid layout") }
    let length = layout.length
    let first = UnsafeRawBufferPointer(start: try reader.take(length), count: length)
    withUnsafeMutableBytes(of: &layout.text) { $0.copyMemory(from: first) }
    let packed = try reader.take(ck_packed_size(&layout) * count)
    let texts = MemoryBuffer(capacity: count * length)
    ck_unpack(
      packed.assumingMemoryBound(to: UInt8.self), count, &layout, texts.base.assumingMemoryBound(to: UInt8.self))
    let out = MemoryBuffer(capacity: count * MemoryLayout<StringView>.stride)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    for row in 0..<count { views[row] = StringView(UnsafeRawPointer(texts.base + row * length), length) }
    return ColumnVector(type: type, count: count, values: out, validity: validity, owners: [texts])
  }
}
