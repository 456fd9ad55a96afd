public import CKernels

/// What a shared library with connectors was compiled with, compared before any of it is called.
///
/// Swift promises no binary compatibility between compilers on Linux, nor between two states of a module: a library fits only the same
/// version of the author's API, compiled by the same toolchain. The function that writes the facts is compiled into the library, not
/// called from this module: what it writes is what the library knew.
public struct PluginFacts: Hashable, Sendable {
  /// Number of the author's API.
  public var api: Int64
  /// Of the sizes of the types that cross the border.
  public var layout: UInt64
  /// The compiler's own words.
  public var toolchain: String
  /// Version of Millrace.
  public var version: String

  /// Raised with every change of the protocols that connectors implement; `PluginAPITests` tells when.
  @_alwaysEmitIntoClient public static var apiNumber: Int64 { 1 }

  /// Version of Millrace, for messages.
  @_alwaysEmitIntoClient public static var versionText: StaticString { "0.1.0" }

  /// Writes the facts of the module that this is called from into a `ck_plugin_facts`.
  @_alwaysEmitIntoClient public static func write(to target: UnsafeMutableRawPointer) {
    target.assumingMemoryBound(to: ck_plugin_facts.self).pointee = ck_plugin_facts(
      magic: UInt32(CK_PLUGIN_MAGIC), form: UInt32(CK_PLUGIN_FORM), api: apiNumber, layout: layoutNumber,
      toolchain: ck_toolchain(),
      version: UnsafeRawPointer(versionText.utf8Start).assumingMemoryBound(to: CChar.self))
  }

  /// A number that changes when one of the types changes its size.
  @_alwaysEmitIntoClient public static var layoutNumber: UInt64 {
    var number: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ size: Int) { number = (number ^ UInt64(size)) &* 0x100_0000_01B3 }
    mix(MemoryLayout<Value>.size)
    mix(MemoryLayout<DataType>.size)
    mix(MemoryLayout<Schema>.size)
    mix(MemoryLayout<StructField>.size)
    mix(MemoryLayout<ColumnVector>.size)
    mix(MemoryLayout<RecordBatch>.size)
    mix(MemoryLayout<MillraceError>.size)
    mix(MemoryLayout<JSON>.size)
    mix(MemoryLayout<ConnectorSpec>.size)
    mix(MemoryLayout<OptionField>.size)
    mix(MemoryLayout<OptionType>.size)
    mix(MemoryLayout<Options>.size)
    mix(MemoryLayout<SourceRequest>.size)
    mix(MemoryLayout<SinkRequest>.size)
    mix(MemoryLayout<StateStoreRequest>.size)
    mix(MemoryLayout<Environment>.size)
    mix(MemoryLayout<Offset>.size)
    mix(MemoryLayout<ReadLimit>.size)
    mix(MemoryLayout<SourceSplit>.size)
    mix(MemoryLayout<SourcePlan>.size)
    mix(MemoryLayout<SplitResult>.size)
    mix(MemoryLayout<SourceKind>.size)
    mix(MemoryLayout<SinkKind>.size)
    mix(MemoryLayout<SinkContext>.size)
    mix(MemoryLayout<EncodedBlock>.size)
    mix(MemoryLayout<ResourceNeed>.size)
    mix(MemoryLayout<FileStatus>.size)
    mix(MemoryLayout<RejectedRow>.size)
    mix(MemoryLayout<OriginColumn>.size)
    return number
  }

  /// The facts of this program.
  public static var own: PluginFacts {
    PluginFacts(
      api: apiNumber, layout: layoutNumber, toolchain: String(cString: ck_toolchain()), version: "\(versionText)")
  }

  /// The facts that a library wrote.
  public init(_ facts: ck_plugin_facts) {
    api = facts.api
    layout = facts.layout
    toolchain = facts.toolchain.map { String(cString: $0) } ?? ""
    version = facts.version.map { String(cString: $0) } ?? ""
  }

  /// Makes facts.
  public init(api: Int64, layout: UInt64, toolchain: String, version: String) {
    self.api = api
    self.layout = layout
    self.toolchain = toolchain
    self.version = version
  }

  /// What differs, in the words of a message; nil where a library with these facts fits this program.
  public func misfit(to own: PluginFacts = .own) -> String? {
    if toolchain != own.toolchain { return "it was compiled by '\(toolchain)', this program by '\(own.toolchain)'" }
    if api != own.api || version != own.version {
      return
        "it is for version \(version) (author's API \(api)), this program is version \(own.version) (author's API \(own.api))"
    }
    if layout != own.layout {
      return "it was compiled with other types of the author's API \(api) (\(hex(layout)), here \(hex(own.layout)))"
    }
    return nil
  }

  private func hex(_ number: UInt64) -> String { String(number, radix: 16) }
}
