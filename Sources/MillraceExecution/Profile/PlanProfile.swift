/// Makes the tree of a plan's operators while the planner goes through the plan.
final class PlanProfile {
  private let profiler: QueryProfiler
  private let outputName: String
  /// The nodes from the root to the one being planned.
  private var path: [ProfileNode]
  /// Where all steps go, for plans that are not shown.
  private let onlySlot: Int?

  /// Describes a plan below `root`.
  init(_ profiler: QueryProfiler, below root: ProfileNode, output name: String) {
    self.profiler = profiler
    outputName = name
    path = [root]
    onlySlot = nil
  }

  /// Describes nothing: all time of the plan goes to one slot.
  init(_ profiler: QueryProfiler, charging slot: Int) {
    self.profiler = profiler
    outputName = ""
    path = [ProfileNode("")]
    onlySlot = slot
  }

  private var node: ProfileNode { path[path.count - 1] }

  /// Plans a node: `body` makes its operators, and plans its inputs by this function again.
  func describing<Result>(_ title: String, _ body: () throws -> Result) rethrows -> Result {
    let node = ProfileNode(title)
    path.append(node)
    defer {
      path.removeLast()
      self.node.inputs += node.visibility == .never ? node.inputs : [node]
    }
    return try body()
  }

  /// The node being planned has no operator.
  func dissolve() { node.visibility = .never }

  /// A step of the node being planned.
  func add(_ step: ProfileStep, givesRows: Bool = true) -> Int { add(step, to: node, givesRows: givesRows) }

  private func add(_ step: ProfileStep, to node: ProfileNode, givesRows: Bool) -> Int {
    if let onlySlot { return onlySlot }
    let slot = profiler.addSlot()
    node.add(step, slot: slot, givesRows: givesRows)
    return slot
  }

  /// The operator of the node being planned, measured. A dissolved node hands on what was measured before.
  func measured(_ inner: any PhysicalOperator) -> any PhysicalOperator {
    if node.visibility == .never { return inner }
    let step: ProfileStep = node.slot(of: .partial) != nil ? .merge : node.slot(of: .build) != nil ? .probe : .run
    let slot = add(step, to: node, givesRows: true)
    if let state = node.slot(of: .state) { profiler.setStateSlot(state, of: slot) }
    return MeasuredOperator(inner, slot: slot, lane: profiler.control)
  }

  /// The node being planned keeps state.
  func keepsState() { if node.slot(of: .state) == nil { _ = add(.state, to: node, givesRows: false) } }

  /// The node being planned reads a scan, or shares the reading with one that does so already.
  func reads(_ group: ScanGroup) {
    if let node = group.steps.node {
      self.node.original = (node, group.steps.output)
      return
    }
    let read = add(.read)
    let decode = if case .bytes = group.binding.input { add(.decode) } else { read }
    group.steps = ScanSteps(read: read, decode: decode, handOn: add(.handOn), node: node, output: outputName)
  }

  /// The input of the node being planned that was planned last.
  var lastInput: ProfileNode? { node.inputs.last }

  /// All rows of the last input together.
  func collected(_ fragment: Fragment) -> any PhysicalOperator { collected(fragment, of: lastInput) }

  /// All rows of an input of the node being planned together: by an operator of its own where they come from chains.
  func collected(_ fragment: Fragment, of input: ProfileNode?) -> any PhysicalOperator {
    let chains: [ChainPlan]
    switch fragment {
    case .serial(let node): return node
    case .chains(let inputs): chains = inputs
    }
    let collect = ProfileNode("Collect")
    collect.visibility = .whenUsed
    if let index = node.inputs.lastIndex(where: { $0 === input }) {
      collect.inputs = [node.inputs[index]]
      node.inputs[index] = collect
    }
    let slot = add(.run, to: collect, givesRows: true)
    for chain in chains { chain.chain.terminalSlot = slot }
    return MeasuredOperator(CollectOperator(chains), slot: slot, lane: profiler.control)
  }
}
