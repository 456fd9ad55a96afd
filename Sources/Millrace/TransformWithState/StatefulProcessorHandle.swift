import MillraceColumnar
public import MillraceCore
import MillracePlan

/// Gives a processor its state variables and timers. Spark's `StatefulProcessorHandle`.
///
/// Variables are made in `initialize`; timers belong to the key that a call is about. A variable keeps its values over restarts by its
/// name: others may be added or left out, but one of the same name must be of the same type.
public final class StatefulProcessorHandle {
  private let state: any KeyedState
  private(set) var variables: [Int32: any ExpiringState] = [:]
  private var isInitializing = true

  init(_ state: any KeyedState) { self.state = state }

  func endInitialization() { isInitializing = false }

  /// What timers go by.
  public var timeMode: TimeMode { state.timeMode }

  /// A variable with one value for each key. `ttlMs`: a value is gone so many milliseconds of processing time after it was set.
  public func getValueState<Element: SQLValue>(_ name: String, _ type: Element.Type = Element.self, ttlMs: Int64? = nil)
    throws -> ValueState<Element>
  {
    try declare(name, "value", Element.sqlType.sql, ttlMs) { ValueState($0) }
  }

  /// A variable with a list of values for each key; with `ttlMs` each value has its own time.
  public func getListState<Element: SQLValue>(_ name: String, _ type: Element.Type = Element.self, ttlMs: Int64? = nil)
    throws -> ListState<Element>
  {
    try declare(name, "list", Element.sqlType.sql, ttlMs) { ListState($0) }
  }

  /// A variable with a map for each key; with `ttlMs` each entry has its own time.
  public func getMapState<Key: SQLValue & Hashable, Element: SQLValue>(
    _ name: String, _ keys: Key.Type = Key.self, _ values: Element.Type = Element.self, ttlMs: Int64? = nil
  ) throws -> MapState<Key, Element> {
    try declare(name, "map", "\(Key.sqlType.sql) to \(Element.sqlType.sql)", ttlMs) { MapState($0) }
  }

  private func declare<State: ExpiringState>(
    _ name: String, _ kind: String, _ type: String, _ ttlMs: Int64?, _ make: (StateSlot) -> State
  ) throws -> State {
    guard isInitializing else {
      throw MillraceError(
        "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
        "the state variable '\(name)' was made outside of initialize", hint: "make all variables in initialize")
    }
    if let ttlMs {
      guard ttlMs > 0 else {
        throw MillraceError(
          "STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE", "the time to live of '\(name)' is \(ttlMs) ms")
      }
      guard timeMode == .processingTime else {
        throw MillraceError(
          "STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL",
          "the state variable '\(name)' has a time to live, and the time mode is \(timeMode.rawValue)",
          hint: "give timeMode: .processingTime")
      }
    }
    let variable = try state.declare(StateVariable(name: name, kind: kind, type: type))
    let made = make(StateSlot(state: state, variable: variable, timeToLive: ttlMs.map { $0 * 1000 }))
    variables[variable] = made
    return made
  }

  /// Removes a variable of an earlier version of the processor with all of its values, if there is one. Only in `initialize`.
  public func deleteIfExists(_ name: String) throws {
    guard isInitializing else {
      throw MillraceError(
        "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
        "the state variable '\(name)' was deleted outside of initialize", hint: "delete variables in initialize")
    }
    try state.forget(name)
  }

  // MARK: Timers

  /// Registers a timer of the key for a time in milliseconds since the epoch. It fires in the batch in which the watermark (event-time
  /// mode) or the batch's time (processing-time mode) is at or after its time, behind the batch's rows. A key has one timer for a time.
  public func registerTimer(_ expiryTimeInMs: Int64) throws {
    try checkTimers()
    try state.registerTimer(expiryTimeInMs * 1000)
  }

  /// Removes a timer of the key, if there is one for that time.
  public func deleteTimer(_ expiryTimeInMs: Int64) throws {
    try checkTimers()
    try state.deleteTimer(expiryTimeInMs * 1000)
  }

  /// The times of the key's timers, earliest first.
  public func listTimers() throws -> [Int64] {
    try checkTimers()
    return try state.timers().map { $0 / 1000 }
  }

  private func checkTimers() throws {
    guard isInitializing else { return }
    throw MillraceError(
      "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
      "timers belong to a key, and initialize is about none", hint: "register timers in handleInputRows")
  }
}
