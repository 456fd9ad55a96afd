// What a program that uses Millrace imports: beside sessions and DataFrames the columns and errors, and what a running query
// tells: triggers, progress, listeners.
@_exported public import MillraceCore
@_exported public import MillraceStreaming
