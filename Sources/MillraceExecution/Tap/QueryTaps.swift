package import MillraceColumnar
import MillraceFormats
import Synchronization

/// The places of a query at which its rows can be looked at. Lives longer than the query's executor: who looks goes on looking when the
/// query starts again after a failure.
///
/// A place that nobody looks at costs a look at a flag for each record batch.
public final class QueryTaps: Sendable {
  /// Name of the query.
  public let name: String
  /// The places.
  public let components: [TapComponent]
  private let points: [TapComponent: TapPoint]
  private let batch = TapBatch()

  /// Makes the places of a query.
  public init(name: String, components: [TapComponent]) {
    self.name = name
    self.components = components
    let batch = self.batch
    points = Dictionary(
      components.map { ($0, TapPoint(query: name, component: $0, batch)) }, uniquingKeysWith: { first, _ in first })
  }

  /// The place, if the query has it.
  package func point(_ kind: TapComponent.Kind, _ name: String) -> TapPoint? { points[TapComponent(kind, name)] }

  /// A batch is computed from here on.
  func begin(batchID: Int64) { batch.id.store(batchID, ordering: .relaxed) }

  /// Whether anyone looks at a place.
  package func isWatched(_ component: TapComponent) -> Bool { points[component]?.isWatched ?? false }

  /// From now on shows rows of a place to a watcher.
  public func add(_ watcher: any TapWatcher, at component: TapComponent) { points[component]?.add(watcher) }

  /// Shows a watcher no more rows, those that are being shown apart.
  public func remove(_ watcher: any TapWatcher) {
    for point in points.values { point.remove(watcher) }
  }
}

/// The batch that is being computed.
final class TapBatch: Sendable {
  let id = Atomic<Int64>(-1)
}

/// One place.
package final class TapPoint: Sendable {
  /// Most bytes of rows that are shown to one watcher of one record batch.
  private static let byteLimit = 256 << 10

  private let query: String
  private let component: TapComponent
  private let batch: TapBatch
  private let hasWatchers = Atomic<Bool>(false)
  private let watchers = Mutex<[any TapWatcher]>([])

  init(query: String, component: TapComponent, _ batch: TapBatch) {
    self.query = query
    self.component = component
    self.batch = batch
  }

  /// Whether anyone looks.
  var isWatched: Bool { hasWatchers.load(ordering: .relaxed) }

  func add(_ watcher: any TapWatcher) {
    watchers.withLock { list in
      if !list.contains(where: { $0 === watcher }) { list.append(watcher) }
      hasWatchers.store(true, ordering: .relaxed)
    }
  }

  func remove(_ watcher: any TapWatcher) {
    watchers.withLock { list in
      list.removeAll { $0 === watcher }
      hasWatchers.store(!list.isEmpty, ordering: .relaxed)
    }
  }

  /// Shows the first rows to each watcher that wants some.
  func show(_ rows: RecordBatch, _ schema: Schema) {
    for watcher in watchers.withLock({ $0 }) {
      let wanted = watcher.wanted(of: component, in: query, available: rows.rowCount)
      let texts = wanted > 0 ? Self.texts(rows, min(wanted, rows.rowCount), schema) : []
      if texts.isEmpty { continue }
      watcher.receive(
        TapSample(
          query: query, component: component, batchID: batch.id.load(ordering: .relaxed), rows: texts))
    }
  }

  private static func texts(_ rows: RecordBatch, _ count: Int, _ schema: Schema) -> [String] {
    guard let encoder = try? JSONEncoding().makeEncoder(schema) else { return [] }
    let text = ByteBuffer(capacity: 4096)
    var texts: [String] = []
    var start = 0
    for row in 0..<count where text.count < byteLimit {
      // A row that cannot be written is none to look at; the query itself does not mind.
      guard (try? encoder.encode(rows, rows: row..<row + 1, into: text)) != nil, text.count > start else { continue }
      texts.append(
        String(decoding: UnsafeRawBufferPointer(rebasing: text.bytes[start..<text.count - 1]), as: UTF8.self))
      start = text.count
    }
    return texts
  }
}

/// Shows the rows of one place, whose columns are known.
package struct RowTap: Sendable {
  let point: TapPoint
  let schema: Schema

  package init(point: TapPoint, schema: Schema) {
    self.point = point
    self.schema = schema
  }

  /// Shows rows to those who look, if anyone does.
  package func offer(_ rows: RecordBatch) { if point.isWatched { point.show(rows, schema) } }
}
