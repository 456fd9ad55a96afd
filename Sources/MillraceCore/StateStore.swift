/// Keyed state of one stateful operator, read and changed a batch at a time, never row by row.
///
/// Keys and values are columns of flat types (no array, map or struct). All calls come from one thread. Changes since the last
/// `commit` belong to the version in the making: `changes()` is what must be durable for it, `rollback()` forgets them.
public protocol StateStore: AnyObject, Sendable {
  /// Number of keys.
  var rowCount: Int { get }
  /// Bytes of memory in use, about.
  var memoryBytes: Int { get }
  /// Values for each of `count` keys: the columns have NULLs where `found` is false.
  func get(keys: [ColumnVector], count: Int) throws -> StateLookup
  /// Sets values for keys; later duplicates win.
  func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws
  /// Removes keys; absent ones are ignored.
  func remove(keys: [ColumnVector], count: Int) throws
  /// Calls `body` with all keys and values in batches, in an order that depends only on the history of changes.
  func scan(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws
  /// The changes since the last commit as bytes that `apply` understands.
  func changes() throws -> MemoryBuffer
  /// The changes are durable as `version`.
  func commit(version: Int64) throws
  /// Forgets the changes since the last commit.
  func rollback() throws
  /// Applies what `changes()` gave, when restoring.
  func apply(_ changes: UnsafeRawBufferPointer) throws
  /// Writes everything in pieces of at most a few MiB that `apply` understands, for a snapshot.
  func snapshot(_ write: (UnsafeRawBufferPointer) throws -> Void) throws
}

/// Result of a lookup.
public struct StateLookup: Sendable {
  /// One byte per key, 1 if present.
  public var found: ColumnVector
  /// One column per value type, each with one row per key; NULL where `found` is 0.
  public var values: [ColumnVector]

  /// Makes a result; `found` is a boolean vector without nulls.
  public init(found: ColumnVector, values: [ColumnVector]) {
    self.found = found
    self.values = values
  }
}

/// Makes state stores. A plug-in may bring its own.
public protocol StateStoreProvider: Sendable {
  /// The word behind `stateStore` in a pipeline.
  var name: String { get }
  /// An empty store for an operator; `directory` is the store's own in the checkpoint (nil: no checkpoint).
  func open(operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment)
    throws
    -> any StateStore
}
