package import Millrace
package import MillraceCore
package import MillraceFormats

/// What a pipeline file may name: the connectors and formats of the program that reads it.
package struct PipelineCatalog: Sendable {
  package var connectors: ConnectorRegistry
  package var decoders: [DecoderFormat]
  package var encoders: [EncoderFormat]
  /// Connectors beside the bundled ones.
  package var ownConnectors: [any Connector]
  /// Functions of the program that queries may call.
  package var functions: [UserDefinedFunction] = []
  /// Loads plug-ins; nil where none are to be loaded.
  package var loader: PluginLoader?

  package init(
    connectors: ConnectorRegistry, decoders: [DecoderFormat], encoders: [EncoderFormat],
    ownConnectors: [any Connector] = []
  ) {
    self.connectors = connectors
    self.decoders = decoders
    self.encoders = encoders
    self.ownConnectors = ownConnectors
  }

  /// The same with the connectors of a file's plug-ins.
  package func adding(_ plugins: [any Connector]) -> PipelineCatalog {
    if plugins.isEmpty { return self }
    var copy = self
    copy.ownConnectors += plugins
    copy.connectors = BundledConnectors.registry(with: copy.ownConnectors)
    return copy
  }

  /// The fields of a decoder, nil if there is none of the name.
  func decoderFields(_ name: String) -> [OptionField]? { decoders.first { $0.name == name }?.fields }

  /// The fields of an encoder, nil if there is none of the name.
  func encoderFields(_ name: String) -> [OptionField]? { encoders.first { $0.name == name }?.fields }
}
