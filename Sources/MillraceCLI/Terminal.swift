import Glibc
import MillraceCore
import Synchronization

/// The process's output: facts on standard output, everything about them on standard error. Values of secret fields never get through,
/// whoever put them into a text.
enum Terminal {
  private static let secrets = Mutex<[String]>([])

  /// From now on prints `***` in place of these values. Those of less than four bytes are no secret: they would be found in any text.
  static func keepSecret(_ values: Set<String>) {
    secrets.withLock { kept in
      // A secret that holds another one is looked for first.
      kept = Set(kept).union(values.filter { $0.utf8.count >= 4 }).sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
    }
  }

  /// The text without the values of secret fields, neither as they are nor as JSON writes them.
  static func redacted(_ text: String) -> String {
    secrets.withLock { $0 }.reduce(text) { text, secret in
      var quoted = ""
      JSON.quote(secret, into: &quoted)
      let inner = String(quoted.dropFirst().dropLast())
      let once = text.contains(secret) ? text.replacing(secret, with: "***") : text
      return inner != secret && once.contains(inner) ? once.replacing(inner, with: "***") : once
    }
  }

  /// Whether a person watches standard error.
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// Whether a person watches standard output.
  static let showsOutput = isatty(STDOUT_FILENO) == 1

  /// Lines and columns of the terminal that standard output is.
  private static var outputSize: (lines: Int, columns: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (24, 80) }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  /// Puts a text in the place of what the screen shows, cut to what fits.
  static func replaceScreen(_ text: String, isFirst: Bool) {
    let (height, width) = outputSize
    let lines = redacted(text).split(separator: "\n", omittingEmptySubsequences: false).prefix(height - 1)
    let shown = lines.map { $0.prefix(width - 1) + "\u{1B}[K\n" }.joined()
    write((isFirst ? "\u{1B}[2J" : "") + "\u{1B}[H" + shown + "\u{1B}[J", to: STDOUT_FILENO)
  }

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
    var text = redacted(text)
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
