import Glibc

/// The process's output: facts on standard output, everything about them on standard error.
enum Terminal {
  /// Whether a person watches standard error.
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// Columns of the terminal, 80 if that is unknown.
  static var width: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Prints a line to standard output.
  static func print(_ text: String) {
    write(text + "\n", to: STDOUT_FILENO)
  }

  /// Prints a line to standard error.
  static func error(_ text: String) { write(text + "\n") }

  /// Writes in one piece, so that lines of several threads do not mix.
  static func write(_ text: String, to descriptor: Int32 = STDERR_FILENO) {
    var text = text
    text.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  /// Writes bytes.
  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var offset = 0
    while offset < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
      if count < 0, errno != EINTR { return }
      offset += max(count, 0)
    }
  }
}
