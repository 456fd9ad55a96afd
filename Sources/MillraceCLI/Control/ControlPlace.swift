import Glibc
import MillraceCore

/// Where a run is asked, and what to say when that does not work.
struct ControlPlace {
  let path: String
  /// The pipeline file that has it.
  var file: String?

  init(_ path: String, file: String? = nil) {
    self.path = path
    self.file = file
  }

  /// That of a pipeline file, unless `given` names another. Throws `CONTROL_NOT_CONFIGURED` if there is none.
  init(given: String?, file: String, _ context: CommandContext) throws {
    if let given {
      self.init(given)
    } else if let path = try context.control(of: file) {
      self.init(path, file: file)
    } else {
      throw MillraceError(
        "CONTROL_NOT_CONFIGURED", "\(file) does not say where its run can be asked",
        hint:
          "add \"control\": \"out/control.sock\" to the file and start millrace run anew, or give both --control PATH")
    }
  }

  /// Why a run cannot listen.
  func cannotListen(_ failure: NetworkFailure) -> MillraceError {
    switch failure.number {
    case EADDRINUSE:
      MillraceError(
        "CONTROL_IN_USE", "another run is asked at '\(path)'",
        hint: "stop that one, or give this one another place with --control PATH", fault: .external)
    case EEXIST:
      MillraceError("CONTROL_IN_USE", "'\(path)' is there and is no socket", hint: "name another path for 'control'")
    default:
      MillraceError("CONTROL_FAILED", "listening at '\(path)': \(failure.reason)", fault: .external)
    }
  }

  /// Why a run cannot be asked.
  func cannotConnect(_ failure: NetworkFailure) -> MillraceError {
    switch failure.number {
    case ENOENT, ECONNREFUSED:
      MillraceError(
        "RUN_NOT_FOUND", "nothing runs that is asked at '\(path)'",
        hint: file.map {
          "start it: millrace run \($0); what runs already has to be started anew after 'control' was added"
        }
          ?? "give millrace run the same --control PATH",
        fault: .external)
    case EACCES, EPERM:
      MillraceError(
        "CONTROL_FAILED", "'\(path)' may be used by the user of the run alone", hint: "become that user",
        fault: .external)
    default:
      MillraceError("CONTROL_FAILED", "connecting to '\(path)': \(failure.reason)", fault: .external)
    }
  }
}
