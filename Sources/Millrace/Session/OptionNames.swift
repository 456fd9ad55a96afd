extension [String: String] {
  /// Sets an option, whose name ignores case: a later spelling takes the place of an earlier one, as in Spark.
  mutating func set(option name: String, _ value: String) {
    for known in keys where known.lowercased() == name.lowercased() { self[known] = nil }
    self[name] = value
  }
}
