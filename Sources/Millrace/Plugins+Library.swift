import CKernels
import Glibc
public import MillraceCore

extension Plugins {
  private typealias Facts = @convention(c) (UnsafeMutableRawPointer) -> Void
  private typealias Register = @convention(c) (UnsafeMutableRawPointer) -> Void

  /// The connectors of a shared library, which stays loaded for as long as this program runs.
  ///
  /// Throws `PLUGIN_NOT_LOADED` for a file that is no shared library or lacks what it must export, and `PLUGIN_VERSION`, before any
  /// of its own code is called, where it was made for another version or by another compiler.
  public static func library(_ path: String) throws -> [any Connector] {
    try checkFile(path)
    // A name without a slash would be looked for among the system's libraries.
    guard let library = dlopen(path.contains("/") ? path : "./\(path)", RTLD_NOW | RTLD_LOCAL) else {
      let reason = dlerror().map { String(cString: $0) } ?? "no reason"
      throw failure(
        path, reason,
        reason.contains("undefined symbol")
          ? "it was made for another version of Millrace, or this program does not export its symbols: compile it against this one"
          : nil)
    }
    let facts = unsafeBitCast(try symbol("millrace_plugin_facts", in: library, path), to: Facts.self)
    let register = unsafeBitCast(try symbol("millrace_plugin_register", in: library, path), to: Register.self)
    var said = ck_plugin_facts()
    withUnsafeMutablePointer(to: &said) { facts(UnsafeMutableRawPointer($0)) }
    guard said.magic == UInt32(CK_PLUGIN_MAGIC), said.form == UInt32(CK_PLUGIN_FORM) else {
      throw MillraceError(
        "PLUGIN_VERSION", "the plug-in '\(path)' tells its version in a form that is not known here",
        hint: "compile it against this version of Millrace (\(PluginFacts.own.version))")
    }
    if let misfit = PluginFacts(said).misfit() {
      throw MillraceError(
        "PLUGIN_VERSION", "the plug-in '\(path)' does not fit: \(misfit)",
        hint: "compile it with this program's compiler against this version of Millrace")
    }
    let registry = PluginRegistry()
    register(Unmanaged.passUnretained(registry).toOpaque())
    guard registry.sharesTypes else {
      throw failure(
        path, "it has a copy of MillraceCore of its own",
        "link it without MillraceCore, as the package that `millrace new connector` makes does, and let this program export its symbols (-Xlinker --export-dynamic)"
      )
    }
    if registry.connectors.isEmpty {
      throw failure(path, "it registers no connector", "call add() in millrace_plugin_register")
    }
    return registry.connectors
  }

  private static func failure(_ path: String, _ what: String, _ hint: String?) -> MillraceError {
    MillraceError("PLUGIN_NOT_LOADED", "loading the plug-in '\(path)': \(what)", hint: hint)
  }

  /// Shared libraries begin with four bytes of their own; anything else would be called "invalid ELF header" or worse.
  private static func checkFile(_ path: String) throws {
    guard let file = fopen(path, "r") else {
      throw failure(
        path, String(cString: strerror(errno)), "a path is taken from the folder of the pipeline file that names it")
    }
    defer { fclose(file) }
    var start = [UInt8](repeating: 0, count: 4)
    guard fread(&start, 1, 4, file) == 4, start == [0x7F, 0x45, 0x4C, 0x46] else {
      throw failure(path, "it is no shared library", "name the .so file that `swift build` made")
    }
  }

  private static func symbol(_ name: String, in library: UnsafeMutableRawPointer, _ path: String) throws
    -> UnsafeMutableRawPointer
  {
    if let symbol = dlsym(library, name) { return symbol }
    throw failure(
      path, "it does not export '\(name)'",
      "a plug-in exports millrace_plugin_facts and millrace_plugin_register: `millrace new connector` shows how")
  }
}
