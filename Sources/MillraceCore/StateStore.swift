/// Keyed state of one stateful operator, read and changed a batch at a time, never row by row.
///
/// Keys and values are columns of flat types (no array, map or struct). Calls come from one thread at a time. Changes since the
/// last `commit` belong to the version in the making; `rollback()` forgets them. How versions outlive the process is said by one of
/// two protocols, and every store implements one: `ChangelogStateStore`, whose bytes the engine keeps, or `DurableStateStore`,
/// which keeps its own files.
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
  /// Calls `body` with all keys and values in batches, in an order that depends only on the history of changes. `body` must not
  /// change the store.
  func scan(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws
  /// The changes are durable as `version`, and there is no way back behind it but a restore. Versions grow by one.
  func commit(version: Int64) throws
  /// Forgets the changes since the last commit.
  func rollback() throws
}

/// A store that holds its rows in memory and leaves it to the engine to keep them: changes in the commit log or in files beside
/// it, and now and then a snapshot.
///
/// In each batch the engine calls one of both `changes` and then `commit`; it makes the bytes durable before the batch counts as done. A restart calls `apply` for each piece of
/// the last snapshot and for all changes after it, in order, and then `commit` once.
public protocol ChangelogStateStore: StateStore {
  /// The changes since the last commit as bytes that `apply` understands.
  func changes() throws -> MemoryBuffer
  /// The same in pieces of at most a few MiB, each of which `apply` understands, to be applied in their order; one for no changes. So large changes
  /// go to their file without being in memory as a whole. Stores that do not implement it give one piece.
  func changes(_ write: (UnsafeRawBufferPointer) throws -> Void) throws
  /// Applies what `changes` gave, when restoring.
  func apply(_ changes: UnsafeRawBufferPointer) throws
  /// Writes everything in pieces of at most a few MiB that `apply` understands, for a snapshot.
  func snapshot(_ write: (UnsafeRawBufferPointer) throws -> Void) throws
}

extension ChangelogStateStore {
  /// All changes as one piece.
  public func changes(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let bytes = try changes()
    try write(bytes.bytes)
  }
}

/// A store whose contents can be held fast for a moment and written while it goes on with the next version. What cannot do that gets
/// its snapshots within a commit, which waits for them.
public protocol FreezableStateStore: ChangelogStateStore {
  /// What the store holds, which stays as it is whatever is changed afterwards. Between two versions only.
  func freeze() throws -> any FrozenState
}

/// The contents of a store at one version, apart from the store. Used by one thread at a time, which may be another than the store's.
public protocol FrozenState: AnyObject, Sendable {
  /// Writes everything in pieces as `ChangelogStateStore.snapshot` does.
  func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws
}

/// A store that keeps its versions itself, in the folder that its provider was given; for state larger than memory.
///
/// A batch is not done before its record is in the commit log, and the store cannot be in the same write. So in each batch the engine
/// calls `prepare`, puts the token into the log, and then calls `commit`. After a crash it may stand at the logged version or, prepared,
/// one further: `restore` gets the version and the token of the last record and must bring back exactly that. `restore` is called
/// once before anything else, and may itself be killed and called again. Without a checkpoint only `commit` is called, and nothing
/// need survive.
public protocol DurableStateStore: StateStore {
  /// Makes the changes since the last commit durable as `version` in such a way that `restore` can still go back to any version
  /// that is retained, the last one at least. The token goes into the commit log; let it hold what `restore` can verify.
  func prepare(version: Int64) throws -> JSON
  /// Goes to the state that `prepare` gave `token` for, forgetting what came after; nil: to the empty state. Throws `STATE_CORRUPT`
  /// when that state is not there or not what it was.
  func restore(version: Int64, token: JSON?) throws
}

/// Reads versions of a durable store's state, beside the query that writes it. Made by the store's provider.
public protocol StateReader: AnyObject {
  /// The versions that can be read; those within the bounds that changed nothing count, too. Nil when there is no state yet.
  func versions() throws -> ClosedRange<Int64>?
  /// Calls `body` with all keys and values of a version in batches.
  func scan(version: Int64, _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void)
    throws
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

/// Makes state stores. A plug-in brings its own by a connector of kind `stateStore`, whose name stands behind `stateStore` in a pipeline.
public protocol StateStoreProvider: Sendable {
  /// The word behind `stateStore` in a pipeline; kept in the checkpoint, which only a store of that name can go on with.
  var name: String { get }
  /// An empty store for an operator, or one that is about to be restored; `directory` is the store's own in the checkpoint (nil: no
  /// checkpoint) and need not exist. Nothing is touched before the first call of the store.
  func open(operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment)
    throws
    -> any StateStore
  /// Opens the state in `directory` for reading only. Nil for stores whose bytes the engine keeps: it reads them itself.
  func reader(keyTypes: [DataType], valueTypes: [DataType], directory: String, environment: Environment) throws
    -> (any StateReader)?
}

extension StateStoreProvider {
  /// The engine keeps the bytes.
  public func reader(keyTypes: [DataType], valueTypes: [DataType], directory: String, environment: Environment) throws
    -> (any StateReader)?
  { nil }
}
