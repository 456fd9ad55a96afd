public import MillraceCore

extension GzipFileConnector: CheckableConnector {
  /// Its files.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    [.readableFiles(try request.options.required("path"), in: request.environment.files)]
  }

  /// Its file.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    [.writableFile(try request.options.required("path"), in: request.environment.files)]
  }
}
