/// What the name of a file says about its place in a rotation.
///
/// A log `app.log` becomes `app.log.1`, `app.log.2.gz` … (the greater, the older) or `app.log-20240131`, `app.log.2024-01-31.gz` …
/// (the smaller, the older). A number of four digits or more begins a date.
struct RotationName: Hashable {
  /// The name that the live file of the log has.
  let base: String
  let order: Order

  /// From the oldest to the newest.
  enum Order: Hashable, Comparable {
    case dated([Int])
    case numbered(Int)
    case live

    static func < (left: Order, right: Order) -> Bool {
      switch (left, right) {
      case (.dated(let a), .dated(let b)): a.lexicographicallyPrecedes(b)
      case (.numbered(let a), .numbered(let b)): a > b
      case (.dated, _): right != left && !right.isDated
      case (.numbered, .live): true
      case (.numbered, .dated), (.live, _): false
      }
    }

    private var isDated: Bool { if case .dated = self { true } else { false } }
  }

  init(base: String, order: Order) {
    self.base = base
    self.order = order
  }

  init(_ path: String) {
    var rest = Substring(path)
    let isCompressed = rest.hasSuffix(".gz")
    if isCompressed { rest = rest.dropLast(3) }
    var numbers: [(value: Int, digits: Int)] = []
    while true {
      let stem = rest.prefix(
        upTo: rest.lastIndex { !$0.isASCII || !$0.isNumber }.map { rest.index(after: $0) } ?? rest.startIndex)
      let digits = rest[stem.endIndex...]
      guard !digits.isEmpty, digits.utf8.count <= 18, let value = Int(digits), let mark = stem.last,
        mark == "." || mark == "-",
        stem.count > 1, stem.dropLast().last != "/"
      else { break }
      numbers.insert((value, digits.utf8.count), at: 0)
      rest = stem.dropLast()
    }
    guard let first = numbers.first else {
      base = isCompressed ? path : String(rest)
      order = .live
      return
    }
    base = String(rest)
    order = first.digits >= 4 ? .dated(numbers.map(\.value)) : .numbered(first.value)
  }
}
