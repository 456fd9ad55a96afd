import MillraceCore

/// A package with a connector to begin from: a source, a sink, their tests, a command that has both, and a shared library of them.
struct ConnectorPackage {
  /// The word behind `format`, for instance `my-feed`.
  let name: String
  /// How the package's manifest names Millrace: `.package(path: …)` or `.package(url: …)`.
  let dependency: String
  /// The identity under which the manifest's products are found.
  let identity: String

  /// Throws `CONNECTOR_NAME` for a name that cannot be one; `millrace` is the path of a checkout, or the address of a repository.
  init(name: String, millrace: String) throws {
    guard let first = name.utf8.first, (0x61...0x7A).contains(first),
      name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }),
      name.last != "-", name != "millrace"
    else {
      throw MillraceError(
        "CONNECTOR_NAME", "'\(name)' cannot name a connector",
        hint: "names begin with a small letter and go on with small letters, digits and '-'")
    }
    self.name = name
    let isAddress = millrace.contains("://") || millrace.hasPrefix("git@")
    dependency =
      isAddress
      ? ".package(url: \(Self.quoted(millrace)), from: \"\(Version.number)\")"
      : ".package(path: \(Self.quoted(millrace)))"
    var last = millrace.split(separator: "/").last.map(String.init) ?? "millrace"
    if isAddress, last.hasSuffix(".git") { last.removeLast(4) }
    identity = last.lowercased()
  }

  private static func quoted(_ text: String) -> String {
    var out = ""
    JSON.quote(text, into: &out)
    return out
  }

  /// The name as a Swift type has it, for instance `MyFeed`.
  var typeName: String {
    name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// The files by their paths in the package, in the order in which one would read them.
  var files: [(path: String, text: String)] {
    ConnectorTemplate.files.map { (filled($0.path), filled($0.text)) }
  }

  private func filled(_ text: String) -> String {
    text.replacing("«Name»", with: typeName).replacing("«name»", with: name)
      .replacing("«dependency»", with: dependency).replacing("«identity»", with: identity)
      .replacing("«import»", with: "import")
  }

  /// Writes the package into a folder, which must not have anything in it.
  func write(to folder: String, _ system: any FileSystem) throws {
    if try system.status(folder) != nil, try !system.list(folder).isEmpty {
      throw MillraceError(
        "FOLDER_NOT_EMPTY", "there is something in '\(folder)'", hint: "name another folder, or remove it")
    }
    for (path, text) in files {
      let full = "\(folder)/\(path)"
      if let slash = full.lastIndex(of: "/") { try system.createDirectory(String(full[..<slash])) }
      let file = try system.open(full, .createNew)
      defer { try? file.close() }
      try Array(text.utf8).withUnsafeBytes { try file.write($0, at: 0) }
    }
  }

  /// The checkout that this program was built in, where it lies in its build folder still; nil elsewhere.
  static func ownCheckout(_ system: any FileSystem) -> String? {
    guard var folder = try? system.linkTarget("/proc/self/exe") else { return nil }
    while let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
      folder = String(folder[..<slash])
      if (try? system.status("\(folder)/Sources/MillraceCLI")) ?? nil != nil { return folder }
    }
    return nil
  }
}
