/// What a pipeline file may lead to outside of itself: environment variables and other files.
package struct PipelineFiles {
  /// The value of an environment variable, nil if it is not set.
  package var variable: (String) -> String?
  /// All bytes of a file.
  package var bytes: (String) throws -> [UInt8]
  /// The files that a pattern matches, sorted by name.
  package var matches: (String) throws -> [String]

  package init(
    variable: @escaping (String) -> String?, bytes: @escaping (String) throws -> [UInt8],
    matches: @escaping (String) throws -> [String]
  ) {
    self.variable = variable
    self.bytes = bytes
    self.matches = matches
  }
}
