import Testing

/// Reads the `import` lines of all sources and the manifest, and holds both to the layers.
struct ImportTests {
  /// One `import` line.
  struct Import {
    var module: String
    var imported: String
    var place: String
  }

  static let imports: [Import] =
    ["Sources", "Plugins"].flatMap { folder in
      swiftFiles(under: folder).flatMap {
        importLines(of: "\(folder)/\($0)", module: String($0.split(separator: "/")[0]))
      }
    }
    + swiftFiles(under: "Benchmarks/Micro").flatMap {
      importLines(of: "Benchmarks/Micro/\($0)", module: "MillraceBenchmarks")
    }

  static func swiftFiles(under folder: String) -> [String] {
    Repository.files(under: "\(Repository.root)/\(folder)").filter { $0.hasSuffix(".swift") }
  }

  static func importLines(of file: String, module: String) -> [Import] {
    let lines = Repository.text("\(Repository.root)/\(file)").split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().compactMap { index, line in
      var words = line.split(separator: " ").map(String.init)
      while let first = words.first,
        first.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(first)
      {
        words.removeFirst()
      }
      guard words.first == "import", words.count >= 2 else { return nil }
      let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
      let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
      return Import(module: module, imported: String(name.split(separator: ".")[0]), place: "\(file):\(index + 1)")
    }
  }

  @Test func everyImportIsAllowed() {
    #expect(Self.imports.count > 10)
    for line in Self.imports {
      if let objection = Layers.objection(to: line.imported, in: line.module) {
        Issue.record("\(line.place): import \(line.imported): \(objection)")
      }
    }
  }

  /// An import that the manifest does not declare compiles only by luck of the order of building.
  @Test func everyImportIsDeclared() {
    let manifest = Manifest(Repository.text("\(Repository.root)/Package.swift"))
    for line in Self.imports where Layers.level(of: line.imported) != nil || Layers.isConnector(line.imported) {
      let declared = manifest.dependencies[line.module, default: []]
      #expect(
        declared.contains(line.imported),
        "\(line.place): \(line.module) does not name \(line.imported) in Package.swift")
    }
  }

  @Test func everyDeclaredDependencyIsAllowed() {
    let manifest = Manifest(Repository.text("\(Repository.root)/Package.swift"))
    #expect(manifest.dependencies["MillraceColumnar"] == ["CKernels"])
    #expect(manifest.dependencies["Millrace"]?.contains("SQLiteConnector") == true)
    for (module, dependencies) in manifest.dependencies
    where Layers.level(of: module) != nil || Layers.isConnector(module) {
      for dependency in dependencies {
        if let objection = Layers.objection(to: dependency, in: module) {
          Issue.record("Package.swift: \(module) depends on \(dependency): \(objection)")
        }
      }
    }
  }

  @Test(arguments: [
    ("MillracePlan", "MillraceExecution"), ("MillraceSQL", "MillraceCore"), ("MillraceColumnar", "MillraceColumnar"),
    ("SocketConnector", "MillraceStreaming"), ("SocketConnector", "MemoryConnector"),
    ("MillracePipeline", "SQLiteConnector"),
    ("MillraceCore", "Foundation"), ("MillraceExecution", "FoundationEssentials"), ("MillracePlan", "CSQLite"),
    ("MillraceCLI", "Subprocess"), ("MillraceCore", "NIOCore"), ("MillraceUnheardOf", "MillraceColumnar"),
  ])
  func wrongEdgeIsFound(module: String, imported: String) {
    #expect(Layers.objection(to: imported, in: module) != nil)
  }

  @Test(arguments: [
    ("MillracePlan", "MillraceSQL"), ("SocketConnector", "MillraceCore"), ("SQLiteConnector", "CSQLite"),
    ("Millrace", "RateConnector"), ("MillraceCLI", "ArgumentParser"), ("MillraceCore", "Glibc"),
  ])
  func rightEdgeIsAccepted(module: String, imported: String) {
    #expect(Layers.objection(to: imported, in: module) == nil)
  }
}
