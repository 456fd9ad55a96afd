// What a program that uses Millrace imports: beside sessions and DataFrames the columns and errors, and what a running query
// tells: triggers, progress with what each operator did, listeners.
@_exported public import MillraceCore
@_exported public import MillraceExecution
@_exported public import MillraceStreaming
