/// Sizes in a checkpoint.
struct CheckpointTuning: Sendable {
  /// Bytes of a segment of the log.
  var segmentSize = 1 << 20
  /// State changes up to this size go into the log.
  var inlineLimit = 64 << 10
  /// State changes below this size never cause a snapshot.
  var snapshotMinimum = 256 << 10
  /// Times the bytes of a snapshot that the changes after it must have for the next one: of so many bytes of changes, one is written
  /// again, and a restart reads at most so many times the state and one more.
  var snapshotRatio = 2
  /// Files of state changes that are kept between snapshots.
  var fileLimit = 24
  /// Memory of stores that are held fast for a snapshot at the same time, as long as it is more than one.
  var frozenLimit = 64 << 20
  /// Whether a commit waits for the snapshot that is being written: for tests that count the changes of a disk.
  var awaitsSnapshots = false
}
