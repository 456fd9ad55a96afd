import MillraceCore

/// A socket that has to agree with its peer before bytes go over it.
protocol SecuredSocket: NetworkSocket {
  /// Whether that is still to be done.
  var isHandshaking: Bool { get }
}
