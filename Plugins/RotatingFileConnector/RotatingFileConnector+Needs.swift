public import MillraceCore

extension RotatingFileConnector: CheckableConnector {
  /// The files that are followed; a pattern may match later, and so may a file that is waited for.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    let configuration = try RotatingFileSourceConfiguration(request.options)
    return [
      .readableFiles(
        configuration.path, in: request.environment.files,
        mayBeMissing: configuration.isPattern || configuration.waitsForFile)
    ]
  }

  /// The files' folder, and their name.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    var need = ResourceNeed.writableFolder(
      try RotatingFileSinkConfiguration(request.options, schema: request.schema).name.directory,
      in: request.environment.files)
    // Sinks of several names can share a folder.
    need.claim = ResourceNeed.writableFile(try request.options.required("path"), in: request.environment.files).claim
    return [need]
  }
}
