/// An operator of a physical plan as profiles show it: what it is, and which slots its time and rows are counted in.
/// Made while the query is planned, and left alone afterwards.
final class ProfileNode {
  let name: String
  var detail: String
  /// Its steps in the order of the work, each with its slot.
  private(set) var steps: [(step: ProfileStep, slot: Int)] = []
  /// The slot that counts the rows that come out.
  private(set) var outputSlot: Int?
  var inputs: [ProfileNode] = []
  var visibility = Visibility.always
  /// The node that did the work for this one, too.
  var original: (node: ProfileNode, output: String)?

  /// Whether a node shows in the tree. One that does not has its inputs in its place.
  enum Visibility {
    case always
    /// Only if it did something.
    case whenUsed
    /// There is no operator.
    case never
  }

  /// `title` as `PlanText` gives it: the name ends at the first blank.
  init(_ title: String) {
    let parts = title.split(separator: " ", maxSplits: 1)
    name = parts.first.map(String.init) ?? ""
    detail = parts.dropFirst().first.map { String($0.drop { $0 == " " }) } ?? ""
  }

  func add(_ step: ProfileStep, slot: Int, givesRows: Bool) {
    // The store is the last to be asked, but the first to be known.
    steps.insert((step, slot), at: steps.firstIndex { $0.step == .state } ?? steps.endIndex)
    if givesRows { outputSlot = slot }
  }

  /// The slot of a step.
  func slot(of step: ProfileStep) -> Int? { steps.first { $0.step == step }?.slot }
}
