import MillraceCore

/// Reads `plugins` of a file and those that it includes, and loads them.
struct PluginReader {
  let catalog: PipelineCatalog
  let diagnostics: DiagnosticCollector

  static let keys = ["process", "library", "timeout", "environment"]

  /// The connectors of all plug-ins; what cannot be loaded is reported at its place.
  func connectors(_ documents: [IncludeReader.Document]) -> [any Connector] {
    var seen: Set<String> = []
    var loaded: [any Connector] = []
    for document in documents {
      guard let node = document.root["plugins"] else { continue }
      guard let elements = node.elements else {
        diagnostics.report(
          "PIPELINE_WRONG_TYPE", "'plugins' is \(node.kind)",
          hint: "it takes an array: [ { \"process\": [\"python3\", \"weather.py\"] } ]", at: node.place)
        continue
      }
      // Two files may both say what they need.
      for element in elements where seen.insert(element.jsonText).inserted {
        for connector in connectors(of: element, in: document.file) {
          if isTaken(connector, loaded, at: element.place) { continue }
          loaded.append(connector)
        }
      }
    }
    return loaded
  }

  private func isTaken(_ connector: any Connector, _ loaded: [any Connector], at place: Place) -> Bool {
    let name = connector.spec.name
    guard (try? catalog.connectors.connector(name)) != nil || loaded.contains(where: { $0.spec.name == name }) else {
      return false
    }
    diagnostics.report(
      "PLUGIN_NAME_TAKEN", "the plug-in has a connector '\(name)', and there is one of that name",
      hint: "give the plug-in's connector another name", at: place)
    return true
  }

  private func connectors(of element: LocatedJSON, in file: String) -> [any Connector] {
    if let name = element.string {
      checkIsThere(name, at: element.place)
      return []
    }
    guard let reader = ObjectReader(element, "a plug-in", keys: Self.keys, diagnostics) else { return [] }
    guard (reader["process"] == nil) != (reader["library"] == nil) else {
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "a plug-in is either a program or a shared library",
        hint: "give it the key 'process' or the key 'library'", at: element.place)
      return []
    }
    guard let loader = catalog.loader else {
      diagnostics.report("PLUGIN_NOT_LOADED", "this program loads no plug-ins", at: element.place)
      return []
    }
    return reader["process"] == nil ? library(reader, loader, file) : program(reader, loader)
  }

  private func program(_ reader: ObjectReader, _ loader: PluginLoader) -> [any Connector] {
    let words = reader.texts("process")
    let timeout = reader.duration("timeout")
    let variables = variables(reader)
    guard let place = reader["process"]?.place, let variables else { return [] }
    guard !words.isEmpty, words.count == reader["process"]?.elements?.count ?? 1, !words[0].text.isEmpty else {
      if reader["process"]?.elements?.isEmpty ?? words.first?.text.isEmpty ?? false {
        diagnostics.report(
          "PIPELINE_WRONG_VALUE", "'process' names no program", hint: "for instance [\"python3\", \"weather.py\"]",
          at: place)
      }
      return []
    }
    return load(at: place) {
      try loader.program(.init(words: words.map(\.text), timeout: timeout, variables: variables))
    }
  }

  private func variables(_ reader: ObjectReader) -> [String: String]? {
    guard let node = reader["environment"] else { return [:] }
    var variables: [String: String] = [:]
    for member in node.members ?? [] { variables[member.key] = member.value.string }
    guard let members = node.members, members.count == variables.count else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "'environment' is not made of strings", hint: "it takes { \"NAME\": \"value\" }",
        at: node.place)
      return nil
    }
    return variables
  }

  private func library(_ reader: ObjectReader, _ loader: PluginLoader, _ file: String) -> [any Connector] {
    for key in ["timeout", "environment"] where reader[key] != nil {
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "'\(key)' is for programs, and this plug-in is a shared library",
        hint: "leave it out", at: reader[key]?.place ?? reader.node.place)
    }
    guard let path = reader.text("library") else { return [] }
    return load(at: path.place) { try loader.library(IncludeReader.path(path.text, beside: file)) }
  }

  private func load(at place: Place, _ body: () throws -> [any Connector]) -> [any Connector] {
    do { return try body() } catch let error as MillraceError {
      diagnostics.report(error, at: place)
    } catch {
      diagnostics.report("PLUGIN_NOT_LOADED", "\(error)", at: place)
    }
    return []
  }

  /// A name alone says that the program which reads the file must have the connector.
  private func checkIsThere(_ name: String, at place: Place) {
    if (try? catalog.connectors.connector(name)) != nil { return }
    let isFile = name.contains("/") || name.hasSuffix(".so")
    diagnostics.report(
      "PIPELINE_NOT_SUPPORTED", "this program has no connector '\(name)'",
      hint: isFile
        ? "a shared library is loaded by { \"library\": \"\(name)\" }, a program by { \"process\": [\"\(name)\"] }"
        : "load it: { \"library\": … } or { \"process\": … }; or give it to MillraceCommandLine.main in a command of your own",
      at: place)
  }
}
