import MillraceExpressions

/// A chain of a scan, with the columns that come out of it.
final class ChainPlan {
  let group: ScanGroup
  let chain: ScanGroup.Chain
  var output: [Attribute]

  init(group: ScanGroup, chain: ScanGroup.Chain, output: [Attribute]) {
    self.group = group
    self.chain = chain
    self.output = output
  }
}

/// A part of a physical plan: still running beside the scan, or past the point where all rows must be together.
enum Fragment {
  case chains([ChainPlan])
  case serial(any PhysicalOperator)
}
