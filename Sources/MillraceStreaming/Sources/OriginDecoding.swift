public import MillraceColumnar
public import MillraceCore
public import MillraceFormats

/// A decoding whose rows also tell where their records came from. Costs nothing where no query asks for that.
public struct OriginDecoding: Decoding {
  private let base: any Decoding
  private let origins: [OriginColumn]
  private let source: JournaledSource

  /// Adds `origins` behind the columns of `base`.
  public init(_ base: any Decoding, origins: [OriginColumn], of source: JournaledSource) {
    self.base = base
    self.origins = origins
    self.source = source
  }

  /// The columns of a decoding and those of origin; throws `COLUMN_ALREADY_EXISTS` for a name that both have.
  public static func schema(_ base: Schema, _ origins: [OriginColumn]) throws -> Schema {
    for origin in origins where base.fields.contains(where: { $0.name.lowercased() == origin.name.lowercased() }) {
      throw MillraceError(
        "COLUMN_ALREADY_EXISTS", "the decoder has a column '\(origin.name)', and so has the source",
        hint: "leave it out of the schema, or leave out the source's option for it")
    }
    return Schema(base.fields + origins.map { StructField($0.name, $0.type) })
  }

  /// The name of what it adds to.
  public var name: String { base.name }
  /// Those of the decoding, then those of origin.
  public var schema: Schema { Schema(base.schema.fields + origins.map { StructField($0.name, $0.type) }) }

  /// The decoder itself where only its columns are asked for.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    let count = base.schema.fields.count
    let own = columns.filter { $0 < count }
    let decoder = try base.makeDecoder(columns: own, filters: filters.filter { $0.column < count })
    if own.count == columns.count { return decoder }
    // Where each column is found: at a place among the decoder's, or as an origin.
    var next = 0
    let places = columns.map { column -> OriginDecoder.Place in
      if column >= count { return .origin(origins[column - count].content) }
      defer { next += 1 }
      return .decoded(next)
    }
    return OriginDecoder(decoder, places: places, of: source)
  }
}

/// Decodes run by run, so that the columns of origin are constant in each.
final class OriginDecoder: BadRecordKeeper {
  enum Place {
    case decoded(Int)
    case origin(OriginColumn.Content)
  }

  private let decoder: any Decoder
  /// The decoder, where it keeps bad records.
  private let keeper: (any BadRecordKeeper)?
  private var kept = BadRecords()
  private(set) var lineCount = 0
  private let places: [Place]
  private let source: JournaledSource

  init(_ decoder: any Decoder, places: [Place], of source: JournaledSource) {
    self.decoder = decoder
    let keeper = decoder as? any BadRecordKeeper
    self.keeper = keeper?.keepsBadRecords == true ? keeper : nil
    self.places = places
    self.source = source
  }

  var badRecordCount: Int64 { decoder.badRecordCount }
  var keepsBadRecords: Bool { keeper != nil }

  func takeBadRecords() -> BadRecords {
    defer { kept = BadRecords() }
    return kept
  }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    let runs = source.origins(in: origin.offset..<origin.offset + Int64(bytes.count))
    var batches: [RecordBatch] = []
    var at = 0
    lineCount = 0
    for run in runs {
      let end = Int(min(run.end - origin.offset, Int64(bytes.count)))
      let part = UnsafeRawBufferPointer(rebasing: bytes[at..<end])
      batches.append(try decode(part, owner, origin, at, peer: run.peer, received: run.received))
      at = end
    }
    // What has no origin, though it should, is not lost for that.
    if at < bytes.count || batches.isEmpty {
      batches.append(
        try decode(
          UnsafeRawBufferPointer(rebasing: bytes[at...]), owner, origin, at, peer: nil, received: nil))
    }
    return batches.count == 1 ? batches[0] : .concatenated(batches)
  }

  private func decode(
    _ bytes: UnsafeRawBufferPointer, _ owner: AnyObject, _ origin: RecordOrigin, _ at: Int, peer: String?,
    received: Int64?
  ) throws -> RecordBatch {
    var place = origin
    place.offset += Int64(at)
    let batch = try decoder.decode(bytes, owner: owner, origin: place)
    if let keeper {
      kept.append(keeper.takeBadRecords(), line: Int64(lineCount))
      lineCount += keeper.lineCount
    }
    let columns = places.map { column in
      switch column {
      case .decoded(let index): return batch.columns[index]
      case .origin(.peer):
        return ColumnVector.constant(peer.map { .string($0) } ?? .null, type: .string, count: batch.rowCount)
      case .origin(.received):
        return ColumnVector.constant(
          received.map { .integer($0) } ?? .null, type: .timestamp, count: batch.rowCount)
      }
    }
    return RecordBatch(rowCount: batch.rowCount, columns: columns)
  }
}
