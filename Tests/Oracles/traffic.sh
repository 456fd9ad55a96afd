#!/bin/sh
# traffic.sh FILE.gz… : what the pipeline `traffic` must have counted, without Millrace: minute|status|hits|bytes, in order.
# A line counts if it is a whole line of the combined log format; bytes is empty where every value of the group is `-`.
gzip -dc "$@" | awk '
  BEGIN {
    quoted = "\"([^\"\\\\]|\\\\.)*\""
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    line = "^[^ ]+ [^ ]+ [^ ]+ \\[[0-3][0-9]/[A-Z][a-z][a-z]/[0-9][0-9][0-9][0-9]:[0-9][0-9]:[0-9][0-9]:[0-9][0-9] \\+0000\\] " \
      quoted " [0-9][0-9][0-9] ([0-9]+|-) " quoted " " quoted "$"
  }
  $0 ~ line {
    time = substr($0, index($0, "[") + 1, 20)
    month = index(months, substr(time, 4, 3))
    minute = sprintf("%s-%02d-%s %s:00", substr(time, 8, 4), (month + 2) / 3, substr(time, 1, 2), substr(time, 13, 5))
    rest = substr($0, index($0, "] \"") + 2)
    match(rest, "^" quoted)
    split(substr(rest, RLENGTH + 2), fields, " ")
    key = minute "|" fields[1]
    hits[key]++
    if (fields[2] != "-") bytes[key] += fields[2]
  }
  END { for (key in hits) printf "%s|%d|%s\n", key, hits[key], (key in bytes) ? sprintf("%d", bytes[key]) : "" }
' | LC_ALL=C sort
