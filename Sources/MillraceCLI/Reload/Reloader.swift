import MillraceCore
import MillracePipeline

/// Reads the pipeline file anew, and changes the run over to it where it can be used.
struct Reloader {
  private let chosen: PipelineOptions
  private let context: CommandContext
  private let display: ProgressDisplay
  private var watch: FileWatch
  private var number = 0
  private var since: Int64 = 0
  private var hasReminded = false

  init(_ chosen: PipelineOptions, _ watched: [String], _ context: CommandContext, _ display: ProgressDisplay) {
    self.chosen = chosen
    self.context = context
    self.display = display
    watch = FileWatch(watched, context.environment.files)
  }

  /// Looks at the files once; true when they have changed and stand still again.
  mutating func hasChanged() -> Bool { watch.hasChanged() }

  /// Reads the file. If anything is wrong with it, that is said and everything goes on as it was.
  mutating func reload(_ pipelines: RunningPipelines, at now: Int64) {
    number += 1
    since = now
    hasReminded = false
    do {
      let file = try context.readPipelineFile(chosen.file)
      watch.watch(file.watched)
      try pipelines.change(to: try context.plan(chosen, of: file), number: number)
    } catch {
      display.note("\(error)\nreload \(number): refused, everything goes on as it was")
    }
  }

  /// Says once what a reload waits for.
  mutating func remind(_ pipelines: RunningPipelines, at now: Int64, after patience: Int64) {
    guard pipelines.isReloading, !hasReminded, now - since >= patience else { return }
    hasReminded = true
    let names = pipelines.stoppingNames.joined(separator: ", ")
    display.note("reload \(number): waits for \(names), which must finish a batch first; the others go on")
  }
}
