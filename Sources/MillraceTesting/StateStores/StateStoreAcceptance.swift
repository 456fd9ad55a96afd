public import MillraceCore

/// Holds a state store to its contract: random puts, removals, lookups, commits, rollbacks and crashes, compared with a dictionary.
///
/// The kit does what the engine does: it keeps a changelog for a `ChangelogStateStore`, and the last token for a `DurableStateStore`;
/// and it leaves a store between any two of its steps and opens another one in its place, as after a crash. Call `run` for each of
/// `shapes` with some seeds; it throws `StateStoreFault` when the store breaks its contract. A test of the process being killed
/// comes on top of it: what the kit leaves, the system has written.
public struct StateStoreAcceptance {
  /// Types of keys and values of a store.
  public struct Shape: Sendable, Hashable {
    /// Types of the key columns.
    public var keys: [DataType]
    /// Types of the value columns.
    public var values: [DataType]

    /// Makes a shape.
    public init(keys: [DataType], values: [DataType]) {
      self.keys = keys
      self.values = values
    }
  }

  /// Shapes that between them have keys and values of each kind, several, one and none.
  public static let shapes: [Shape] = [
    Shape(keys: [.string], values: [.long]), Shape(keys: [.long], values: [.string, .double]),
    Shape(keys: [.timestamp, .string], values: [.decimal(precision: 38, scale: 2), .boolean]),
    Shape(keys: [], values: [.long]), Shape(keys: [.string], values: []),
    Shape(keys: [.integer], values: [.binary, .short, .float, .date]),
  ]

  private let provider: any StateStoreProvider
  private let environment: Environment

  /// A kit for the stores of a provider.
  public init(_ provider: any StateStoreProvider, environment: Environment = .live) {
    self.provider = provider
    self.environment = environment
  }

  /// Runs random steps on a store in `directory`, which must be empty or absent. Equal seeds give equal steps.
  public func run(_ shape: Shape, seed: UInt64, directory: String, versions: Int = 40) throws {
    var life = try StateStoreLife(
      provider: provider, environment: environment, shape: shape, seed: seed, directory: directory)
    for _ in 0..<versions { try life.step() }
    try life.crash("the end")
  }
}

/// How a store broke its contract.
public struct StateStoreFault: Error, CustomStringConvertible {
  /// What was expected and what came, with the history that led to it.
  public let description: String
}
