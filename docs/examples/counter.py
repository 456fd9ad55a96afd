"""A Millrace source: the numbers from 0 up to a limit, as JSON rows. Its positions are numbers, so everything can be read again."""
import json
import sys

SPEC = {
    "protocol": 1,
    "connectors": [{
        "name": "counter",
        "summary": "Counts from 0.",
        "source": {
            "replayable": True,
            "columns": "number BIGINT, word STRING",
            "options": [
                {"name": "limit", "type": "integer", "summary": "The first number that does not come.", "required": True},
                {"name": "word", "summary": "Stands beside each number.", "default": "row"},
            ],
        },
    }],
}


def rows(options, after, end):
    for number in range(after or 0, end):
        yield {"number": number, "word": f"{options['word']} {number}"}


options = {}
for line in sys.stdin:  # The end of the input is the end of the program.
    call = json.loads(line)
    answer = {}
    if call["call"] == "spec":
        answer = SPEC
    elif call["call"] == "open":
        options = call["options"]
    elif call["call"] == "plan":
        after = call["after"] or 0
        answer["end"] = min(options["limit"], after + call["limit"].get("rows", 1000))
    elif call["call"] == "read":
        found = list(rows(options, call["after"], call["end"]))
        print(json.dumps({"records": len(found)}))
        for row in found:
            print(json.dumps(row))
    print(json.dumps({"ok": answer}), flush=True)
