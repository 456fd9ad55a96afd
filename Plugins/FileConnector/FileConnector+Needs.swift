public import MillraceCore

extension FileConnector: CheckableConnector {
  /// Its files.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    [.readableFiles(try request.options.required("path"), in: request.environment.files)]
  }

  /// Its folder.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    [.writableFolder(try request.options.required("path"), in: request.environment.files)]
  }
}
