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

  package init(
    connectors: ConnectorRegistry, decoders: [DecoderFormat], encoders: [EncoderFormat],
    ownConnectors: [any Connector] = []
  ) {
    self.connectors = connectors
    self.decoders = decoders
    self.encoders = encoders
    self.ownConnectors = ownConnectors
  }

  /// The fields of a decoder, nil if there is none of the name.
  func decoderFields(_ name: String) -> [OptionField]? { decoders.first { $0.name == name }?.fields }

  /// The fields of an encoder, nil if there is none of the name.
  func encoderFields(_ name: String) -> [OptionField]? { encoders.first { $0.name == name }?.fields }
}
