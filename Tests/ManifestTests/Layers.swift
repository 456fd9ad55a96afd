/// The layers of the engine, and who may import what. A module imports only modules of lower levels; what is not
/// named here is not one of ours and is judged by `outside`.
enum Layers {
  /// Modules by level, lowest first.
  static let levels: [[String]] = [
    ["CZlib", "CSQLite", "CPCRE2", "CISAL", "CKernels"],
    ["MillraceColumnar"],
    ["MillraceExpressions", "MillraceSQL", "MillraceCore"],
    ["MillraceFormats", "MillraceState"],
    ["MillracePlan"],
    ["MillraceExecution"],
    ["MillraceStreaming"],
    ["Millrace"],
    ["MillracePipeline", "MillraceTesting"],
    ["MillraceCLI", "MillraceConformance", "MillraceBenchmarks", "SparkExample", "StatefulProgram"],
    ["MillraceCommand", "LeakyProgram"],
  ]

  /// Modules that may import less than their level allows.
  static let narrow: [String: Set<String>] = [
    "MillraceSQL": ["MillraceColumnar"],
    "MillraceState": ["MillraceColumnar", "MillraceCore", "CKernels", "CSQLite"],
    "MillraceCommand": ["MillraceCLI"],
    "MillraceBenchmarks": [
      "CKernels", "MillraceColumnar", "MillraceExpressions", "MillraceSQL", "MillraceCore", "MillraceFormats",
      "MillracePlan", "MillraceState", "MillraceExecution",
    ],
  ]

  /// The only importers of a system library, of a bundled connector, or of a package from outside.
  static let importers: [String: Set<String>] = [
    "CZlib": ["MillraceCore", "MillraceFormats"],
    "CISAL": ["MillraceCore", "MillraceFormats"],
    "CPCRE2": ["MillraceExpressions"],
    "CSQLite": ["SQLiteConnector", "MillraceState"],
    "MemoryConnector": ["Millrace", "MillraceTesting"],
    "ArgumentParser": ["MillraceCLI", "MillraceConformance", "MillraceBenchmarks", "SparkExample"],
    "Logging": ["MillraceStreaming", "Millrace", "MillracePipeline", "MillraceCLI"],
    "NIOCore": ["SocketConnector"],
    "NIOEmbedded": ["SocketConnector"],
    "NIOSSL": ["SocketConnector"],
    "NIOTLS": ["SocketConnector"],
    "Subprocess": [],
    "Foundation": [],
    "Testing": [],
    "FoundationEssentials": ["MillracePipeline", "MillraceTesting", "MillraceCLI", "MillraceConformance"],
  ]

  /// What a connector may see of us: the author's public API.
  static let connectorSees: Set<String> = ["MillraceCore", "MillraceFormats", "MillraceColumnar"]

  static func level(of module: String) -> Int? { levels.firstIndex { $0.contains(module) } }

  static func isConnector(_ module: String) -> Bool { module.hasSuffix("Connector") }

  /// Why `module` may not import `imported`, nil where it may.
  static func objection(to imported: String, in module: String) -> String? {
    if let allowed = importers[imported], !allowed.contains(module) {
      return allowed.isEmpty
        ? "\(imported) is for tests only" : "\(imported) is for \(allowed.sorted().joined(separator: ", "))"
    }
    if isConnector(module) {
      let isOurs = imported.hasPrefix("Millrace") || isConnector(imported) || imported == "CKernels"
      return isOurs && !connectorSees.contains(imported)
        ? "a connector sees \(connectorSees.sorted().joined(separator: ", "))" : nil
    }
    if isConnector(imported) {
      return importers[imported] == nil && module != "Millrace" ? "bundled connectors are listed in Millrace" : nil
    }
    guard let level = level(of: imported) else { return nil }
    guard let own = self.level(of: module) else { return "\(module) has no layer, add it to Layers.levels" }
    if level >= own { return "\(imported) does not stand below \(module)" }
    if let narrow = narrow[module], !narrow.contains(imported) {
      return "\(module) sees \(narrow.sorted().joined(separator: ", "))"
    }
    return nil
  }
}
