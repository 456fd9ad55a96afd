"""Validates pipeline files against a schema with a validator that is none of ours.

Reads one JSON object from standard input: {"schema": "path", "files": ["text of a pipeline file", …]}. Writes an array with the places of the errors of
each: [] where the file is valid. Comments and trailing commas are left out first, as Millrace allows them.
"""
import json
import sys

from jsonschema import Draft202012Validator


def plain(text):
    """The text as JSON proper."""
    out, at = [], 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            out.append(text[at:end + 1])
            at = end + 1
        elif text.startswith("//", at):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 2
        elif text[at] in "]}":
            while out and out[-1].isspace():
                out.pop()
            if out and out[-1] == ",":
                out.pop()
            out.append(text[at])
            at += 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def deepest(error):
    """Where the error lies: of several ways to be right, the one that came furthest."""
    places = [error.absolute_path]
    for inner in error.context or []:
        places.append(deepest(inner))
    return max(places, key=len)


job = json.load(sys.stdin)
with open(job["schema"]) as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
found = []
for text in job["files"]:
    errors = sorted(validator.iter_errors(json.loads(plain(text))), key=lambda error: list(map(str, error.absolute_path)))
    found.append([".".join(str(part) for part in deepest(error)) for error in errors])
print(json.dumps(found))
