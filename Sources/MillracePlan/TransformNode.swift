package import MillraceColumnar
public import MillraceCore
public import MillraceExpressions

/// `transformWithState`: a program is called with the rows of each key and keeps state for it.
public struct TransformNode: Sendable {
  /// Rows with equal keys are one call; columns of the child.
  public var keys: [Attribute]
  /// The columns that the program sees; columns of the child.
  public var input: [Attribute]
  /// The columns that the program gives.
  public var output: [Attribute]
  /// What timers go by.
  public var timeMode: TimeMode
  /// Whether the rows that come out are new ones (append) or changed ones (update).
  public var outputMode: OutputMode
  /// The column of the output that has event time, so that further operators know of it.
  public var eventTimeColumn: Attribute?
  /// Makes the program.
  package var program: any StateProgramFactory
  /// How many programs share the keys, each with a store of its own, and run side by side; a power of two.
  public var partitions = 1
  /// Rows that the program makes state of before it sees others.
  public var initialState: InitialState?
  /// The rows that the program is called with.
  public var child: LogicalPlan

  /// Bounded rows for the first batch of a query's whole life.
  public struct InitialState: Sendable {
    /// Columns of the plan, of the types of the node's keys.
    public var keys: [Attribute]
    /// The columns that the program sees; columns of the plan.
    public var columns: [Attribute]
    /// The rows.
    public var plan: LogicalPlan

    /// Names the rows.
    package init(keys: [Attribute], columns: [Attribute], plan: LogicalPlan) {
      self.keys = keys
      self.columns = columns
      self.plan = plan
    }
  }

  /// Makes a node.
  package init(
    keys: [Attribute], input: [Attribute], output: [Attribute], timeMode: TimeMode, outputMode: OutputMode,
    eventTimeColumn: Attribute?, program: any StateProgramFactory, initialState: InitialState? = nil,
    child: LogicalPlan
  ) {
    self.initialState = initialState
    self.keys = keys
    self.input = input
    self.output = output
    self.timeMode = timeMode
    self.outputMode = outputMode
    self.eventTimeColumn = eventTimeColumn
    self.program = program
    self.child = child
  }
}

/// Makes the program of a `transformWithState` for each run of a query.
package protocol StateProgramFactory: Sendable {
  /// The processor's type, for plan texts.
  var name: String { get }
  /// A program that has seen nothing.
  func makeProgram() -> any StateProgram
}

/// A program over keyed state. Used by one thread at a time; `state` of `initialize` is only to be used during its calls.
package protocol StateProgram: AnyObject {
  /// Declares the variables. Called once, before everything else.
  func initialize(_ state: any KeyedState) throws
  /// Takes in rows of one key; `keys` and `rows` are columns of which `row` and `range` are meant.
  func handleRows(
    _ keys: [ColumnVector], _ row: Int, _ rows: RecordBatch, _ range: Range<Int>, _ times: StateTimes,
    _ output: [ColumnBuilder]) throws
  /// Makes state of a row of the initial state; `keys` and `rows` are columns of which `row` and `position` are meant.
  func handleInitialState(_ keys: [ColumnVector], _ row: Int, _ rows: RecordBatch, _ position: Int, _ times: StateTimes)
    throws
  /// A timer of a key fires.
  func handleTimer(
    _ keys: [ColumnVector], _ row: Int, expiry: Int64, _ times: StateTimes, _ output: [ColumnBuilder]) throws
  /// A value's time to live is over; the state is that of its key.
  func expire(_ variable: Int32, _ part: [UInt8]) throws
  /// The query ends.
  func close()
}

/// What a program may know of time, in microseconds since the epoch.
package struct StateTimes: Sendable {
  /// The batch's time.
  package var processing: Int64
  /// The watermark in force for timers.
  package var watermark: Int64

  package init(processing: Int64, watermark: Int64) {
    self.processing = processing
    self.watermark = watermark
  }
}

/// A variable of a program.
package struct StateVariable: Sendable, Hashable {
  package var name: String
  /// `value`, `list` or `map`.
  package var kind: String
  /// The type of values, for a map with that of its keys, in SQL.
  package var type: String

  package init(name: String, kind: String, type: String) {
    self.name = name
    self.kind = kind
    self.type = type
  }
}

/// The state of the key that a program is called for: named parts of variables, and timers.
package protocol KeyedState: AnyObject {
  /// What timers go by.
  var timeMode: TimeMode { get }
  /// Makes a variable known and gives its number, which it keeps over restarts. Throws where it was of another type before.
  func declare(_ variable: StateVariable) throws -> Int32
  /// Forgets a variable and all of its values, if there is one.
  func forget(_ name: String) throws
  /// The parts' bytes; nil for absent ones.
  func get(_ variable: Int32, _ parts: [[UInt8]]) throws -> [StateEntry?]
  /// Sets a part. `timeToLive` in microseconds.
  func put(_ variable: Int32, _ part: [UInt8], _ bytes: [UInt8], timeToLive: Int64?)
  /// Changes the bytes of a part without changing its time to live.
  func rewrite(_ variable: Int32, _ part: [UInt8], _ bytes: [UInt8])
  /// Removes a part.
  func remove(_ variable: Int32, _ part: [UInt8])
  /// Timers of the key, earliest first.
  func timers() throws -> [Int64]
  /// Adds a timer; nothing happens where the key has it.
  func registerTimer(_ time: Int64) throws
  /// Removes a timer, if the key has it.
  func deleteTimer(_ time: Int64) throws
}

/// A part of a variable.
package struct StateEntry: Sendable {
  package var bytes: [UInt8]
  /// Whether its time to live is over: it counts as absent and is about to go.
  package var isExpired: Bool

  package init(bytes: [UInt8], isExpired: Bool) {
    self.bytes = bytes
    self.isExpired = isExpired
  }
}
