/// The slots of a scan. Until somebody plans it, all that a scan does is nobody's.
struct ScanSteps {
  var read = ProfilePhase.other.slot
  var decode = ProfilePhase.other.slot
  var handOn = ProfilePhase.other.slot
  var node: ProfileNode?
  /// The output in whose tree the node stands.
  var output = ""
}
