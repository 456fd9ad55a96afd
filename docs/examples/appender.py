"""A Millrace sink: appends records to a file. What a crash left behind is cut off again, so each record is there exactly once."""
import fcntl
import json
import os
import sys

SPEC = {"protocol": 1, "connectors": [{
    "name": "appender", "summary": "Appends records to a file.",
    "sink": {
        "guarantee": "truncatable",
        "rejectsRows": True,
        "options": [
            {"name": "path", "type": "path", "summary": "The file.", "required": True, "example": "out/rows"},
            {"name": "longest", "type": "bytes", "summary": "Longest record that is taken.", "default": "1 MiB"},
        ],
    },
}]}

file = None
for line in sys.stdin.buffer:  # The end of the input is the end of the program.
    call = json.loads(line)
    answer = {}
    if call["call"] == "spec":
        answer = SPEC
    elif call["call"] == "open":
        longest = call["options"]["longest"]
        file = open(call["options"]["path"], "ab", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)  # A program left behind by a killed Millrace may be at its last record still.
    elif call["call"] == "recover":  # Back to the last batch that was committed, or to nothing.
        file.truncate((call["token"] or {"size": 0})["size"])
        file.seek(0, os.SEEK_END)
    elif call["call"] == "write":
        rows = [sys.stdin.buffer.readline() for _ in range(call["records"])]
        file.write(b"".join(row for row in rows if len(row) <= longest))
        answer["rejected"] = [{"record": number, "code": "TOO_LONG", "message": f"a record of {len(row)} bytes"}
                              for number, row in enumerate(rows) if len(row) > longest]
    elif call["call"] == "commit":  # Durable from here on; the token says where to come back to.
        os.fsync(file.fileno())
        answer["token"] = {"size": file.tell()}
    print(json.dumps({"ok": answer}), flush=True)
