/// The places of the commit protocol at which a test can kill the process (`MILLRACE_CRASH=name:nth`).
///
/// One stands on each side of every step that changes what a recovery would find. Whatever happens at any of them, a restart
/// must lose nothing and, but for the continuous trigger, repeat nothing; the tests go through `all`.
public enum CrashPoints {
  static let planBeforeWrite: StaticString = "log.plan.before-write"
  static let planAfterWrite: StaticString = "log.plan.after-write"
  static let planAfterSync: StaticString = "log.plan.after-sync"
  static let commitBeforeWrite: StaticString = "log.commit.before-write"
  static let commitAfterWrite: StaticString = "log.commit.after-write"
  static let commitAfterSync: StaticString = "log.commit.after-sync"
  static let headBeforeWrite: StaticString = "log.head.before-write"
  static let headAfterWrite: StaticString = "log.head.after-write"
  static let headAfterSync: StaticString = "log.head.after-sync"
  static let sealBeforeWrite: StaticString = "log.seal.before-write"
  static let sealAfterWrite: StaticString = "log.seal.after-write"
  static let sealAfterSync: StaticString = "log.seal.after-sync"
  static let segmentAfterCreate: StaticString = "log.segment.after-create"
  static let segmentAfterDirectorySync: StaticString = "log.segment.after-directory-sync"
  static let segmentBeforeRemove: StaticString = "log.segment.before-remove"
  static let tailBeforeCut: StaticString = "log.tail.before-cut"
  static let tailAfterCut: StaticString = "log.tail.after-cut"
  static let metaAfterWrite: StaticString = "meta.after-write"
  static let metaAfterSync: StaticString = "meta.after-sync"
  static let metaAfterRename: StaticString = "meta.after-rename"
  static let metaAfterDirectorySync: StaticString = "meta.after-directory-sync"
  static let deltaBeforeWrite: StaticString = "state.delta.before-write"
  static let deltaAfterWrite: StaticString = "state.delta.after-write"
  static let deltaAfterSync: StaticString = "state.delta.after-sync"
  static let deltaAfterDirectorySync: StaticString = "state.delta.after-directory-sync"
  static let snapshotBeforeWrite: StaticString = "state.snapshot.before-write"
  static let snapshotAfterWrite: StaticString = "state.snapshot.after-write"
  static let snapshotAfterSync: StaticString = "state.snapshot.after-sync"
  static let snapshotAfterRename: StaticString = "state.snapshot.after-rename"
  static let snapshotAfterDirectorySync: StaticString = "state.snapshot.after-directory-sync"
  static let stateBeforePrepare: StaticString = "state.before-prepare"
  static let stateAfterPrepare: StaticString = "state.after-prepare"
  static let stateBeforeRemove: StaticString = "state.before-remove"
  static let batchAfterExecute: StaticString = "batch.after-execute"
  static let batchAfterEmit: StaticString = "batch.after-emit"
  static let lateBeforeSinkCommit: StaticString = "late.before-sink-commit"
  static let lateAfterSinkCommit: StaticString = "late.after-sink-commit"
  static let pieceAfterFlush: StaticString = "piece.after-flush"
  static let batchBeforeSinkCommit: StaticString = "batch.before-sink-commit"
  static let batchAfterSinkCommit: StaticString = "batch.after-sink-commit"
  static let batchAfterSideCommit: StaticString = "batch.after-side-commit"
  static let batchBeforePublish: StaticString = "batch.before-publish"
  static let batchAfterPublish: StaticString = "batch.after-publish"
  static let batchAfterSourceCommit: StaticString = "batch.after-source-commit"
  static let recoveryAfterState: StaticString = "recovery.after-state"
  static let recoveryAfterSinks: StaticString = "recovery.after-sinks"
  static let recoveryAfterSources: StaticString = "recovery.after-sources"
  static let journalBeforeWrite: StaticString = "journal.before-write"
  static let journalAfterWrite: StaticString = "journal.after-write"
  static let journalAfterSync: StaticString = "journal.after-sync"
  static let journalAfterCreate: StaticString = "journal.segment.after-create"
  static let journalBeforeRemove: StaticString = "journal.segment.before-remove"
  static let journalAfterRemove: StaticString = "journal.segment.after-remove"
  static let journalAfterCut: StaticString = "journal.tail.after-cut"
  static let schemaAfterSync: StaticString = "schema.after-sync"
  static let schemaAfterRename: StaticString = "schema.after-rename"
  static let replayAfterList: StaticString = "replay.after-list"
  static let replayAfterWrite: StaticString = "replay.after-write"
  static let replayAfterRename: StaticString = "replay.after-rename"
  static let replayBeforeRemove: StaticString = "replay.before-remove"

  /// Names of all places, for tests that visit each.
  public static let all: [String] = [
    planBeforeWrite, planAfterWrite, planAfterSync, commitBeforeWrite, commitAfterWrite, commitAfterSync,
    headBeforeWrite,
    headAfterWrite, headAfterSync, sealBeforeWrite, sealAfterWrite, sealAfterSync, segmentAfterCreate,
    segmentAfterDirectorySync, segmentBeforeRemove, tailBeforeCut, tailAfterCut, metaAfterWrite, metaAfterSync,
    metaAfterRename, metaAfterDirectorySync, deltaBeforeWrite, deltaAfterWrite, deltaAfterSync, deltaAfterDirectorySync,
    snapshotBeforeWrite, snapshotAfterWrite, snapshotAfterSync, snapshotAfterRename, snapshotAfterDirectorySync,
    stateBeforePrepare,
    stateAfterPrepare, stateBeforeRemove,
    batchAfterExecute, batchAfterEmit, lateBeforeSinkCommit, lateAfterSinkCommit, pieceAfterFlush,
    batchBeforeSinkCommit, batchAfterSinkCommit, batchAfterSideCommit,
    batchBeforePublish,
    batchAfterPublish,
    batchAfterSourceCommit, recoveryAfterState, recoveryAfterSinks, recoveryAfterSources, journalBeforeWrite,
    journalAfterWrite, journalAfterSync, journalAfterCreate, journalBeforeRemove, journalAfterRemove, journalAfterCut,
    schemaAfterSync, schemaAfterRename, replayAfterList, replayAfterWrite, replayAfterRename, replayBeforeRemove,
  ].map(\.description)
}
