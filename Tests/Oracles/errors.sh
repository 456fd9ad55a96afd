#!/bin/sh
# errors.sh FILE.gz… : "host status" of every whole line of the combined log format with a status of 500 or more, sorted.
# The environment variable LEAST sets another least status.
gzip -dc "$@" | awk -v least="${LEAST:-500}" '
  BEGIN {
    quoted = "\"([^\"\\\\]|\\\\.)*\""
    line = "^[^ ]+ [^ ]+ [^ ]+ \\[[0-3][0-9]/[A-Z][a-z][a-z]/[0-9][0-9][0-9][0-9]:[0-9][0-9]:[0-9][0-9]:[0-9][0-9] \\+0000\\] " \
      quoted " [0-9][0-9][0-9] ([0-9]+|-) " quoted " " quoted "$"
  }
  $0 ~ line {
    rest = substr($0, index($0, "] \"") + 2)
    match(rest, "^" quoted)
    split(substr(rest, RLENGTH + 2), fields, " ")
    if (fields[1] >= least + 0) print $1, fields[1]
  }
' | LC_ALL=C sort
