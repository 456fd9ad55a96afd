package import MillraceCore

/// Makes connectors of what `plugins` in a pipeline file names. What is named is run or loaded, so a program that only looks at files
/// of others goes without.
package struct PluginLoader: Sendable {
  /// A program to start.
  package struct Program: Sendable, Hashable {
    package var words: [String]
    /// Microseconds; nil: not said.
    package var timeout: Int64?
    package var variables: [String: String]
  }

  package var program: @Sendable (Program) throws -> [any Connector]
  package var library: @Sendable (_ path: String) throws -> [any Connector]

  package init(
    program: @escaping @Sendable (Program) throws -> [any Connector],
    library: @escaping @Sendable (_ path: String) throws -> [any Connector]
  ) {
    self.program = program
    self.library = library
  }
}
