import MillraceCLI

MillraceCommandLine.main()
