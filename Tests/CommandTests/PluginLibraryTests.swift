import Glibc
import Testing

/// Shared libraries that do not fit are refused before anything of them runs. The libraries here are C, so that they can say what they like;
/// `scripts/third-party` builds and loads one that fits.
struct PluginLibraryTests {
  /// The compiler beside `swift`, which says the same of itself as the one that reads C headers for Swift.
  static let compiler: String? = {
    guard let pipe = popen("command -v swift", "r") else { return nil }
    defer { pclose(pipe) }
    var room = [CChar](repeating: 0, count: 4096)
    guard fgets(&room, 4096, pipe) != nil else { return nil }
    let swift = String(decoding: room.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let clang =
      swift.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/clang"
    return access(clang, X_OK) == 0 ? clang : nil
  }()

  static let facts = """
    #include "ck_plugin.h"
    void abort(void);
    #ifndef WITHOUT_FACTS
    void millrace_plugin_facts(void *target) {
      *(ck_plugin_facts *)target = (ck_plugin_facts){CK_PLUGIN_MAGIC, FORM, API, 1, TOOLCHAIN, VERSION};
    }
    #endif
    #ifndef WITHOUT_REGISTER
    void millrace_plugin_register(void *registry) { abort(); }
    #endif
    #ifdef UNDEFINED
    void not_there(void);
    void caller(void) { not_there(); }
    #endif

    """

  static let cases: [(flags: [String], code: String, parts: [String])] = [
    (["-DTOOLCHAIN=\"Clang 1.0\""], "PLUGIN_VERSION", ["compiled by 'Clang 1.0'", "this program by 'Clang"]),
    (["-DVERSION=\"0.0.9\""], "PLUGIN_VERSION", ["for version 0.0.9 (author's API 1)", "version 0.1.0"]),
    (["-DAPI=77"], "PLUGIN_VERSION", ["author's API 77", "author's API 1)"]),
    ([], "PLUGIN_VERSION", ["compiled with other types"]),
    (["-DFORM=9"], "PLUGIN_VERSION", ["in a form that is not known here"]),
    (["-DWITHOUT_FACTS"], "PLUGIN_NOT_LOADED", ["does not export 'millrace_plugin_facts'"]),
    (["-DWITHOUT_REGISTER"], "PLUGIN_NOT_LOADED", ["does not export 'millrace_plugin_register'"]),
    (["-DUNDEFINED"], "PLUGIN_NOT_LOADED", ["undefined symbol: not_there", "another version of Millrace"]),
  ]

  @Test(.enabled(if: compiler != nil, "there is no clang beside swift"), arguments: cases.indices)
  func aLibraryThatDoesNotFitIsRefused(index: Int) async throws {
    let (flags, code, parts) = Self.cases[index]
    let sandbox = Sandbox()
    sandbox.write("plugin.c", Self.facts)
    let settings = [("FORM", "CK_PLUGIN_FORM"), ("API", "1"), ("TOOLCHAIN", "__VERSION__"), ("VERSION", "\"0.1.0\"")]
    let defaults = settings.filter { setting in !flags.contains { $0.hasPrefix("-D\(setting.0)=") } }
    _ = try await Oracle.shell(
      "compiler=$1; shift; \"$compiler\" -shared -fPIC -I \(Sandbox.root)/Sources/CKernels/include \"$@\" -o plugin.so plugin.c",
      [Self.compiler ?? "clang"] + flags + defaults.map { "-D\($0.0)=\($0.1)" }, in: sandbox)
    sandbox.write(
      "p.json",
      """
      { "version": 1, "plugins": [{ "library": "plugin.so" }], "pipelines": { "p": {
        "sources": { "s": { "format": "rate" } }, "sinks": { "t": { "query": "SELECT value FROM s", "format": "console" } } } } }
      """)
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(outcome.status == 3, "\(outcome.error)")
    for part in ["p.json:1:42: [\(code)]", "plugin.so"] + parts {
      #expect(outcome.error.contains(part), "\(part) in \(outcome.error)")
    }
  }
}
