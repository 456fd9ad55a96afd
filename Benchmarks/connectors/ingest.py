#!/usr/bin/env python3
"""Receives over loopback: a program that drops all it gets, and in the same run millrace. Beside it, how fast a file
grows that is synced, as the journal in a checkpoint is.

usage: ingest.py MILLRACE [SECONDS [FOLDER]]     prints a line of JSON for each measurement; the files are made in FOLDER
"""
import json, os, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT = "SELECT count(*) AS lines FROM lines"
WORDS = "SELECT word, count(*) AS count FROM (SELECT explode(split(value, ' ')) AS word FROM lines) GROUP BY word"


def compile_tool(folder):
    tool = f"{folder}/ingest"
    subprocess.run(["cc", "-O2", "-o", tool, f"{HERE}/ingest.c"], check=True)
    return tool


def send(tool, transport, port, seconds):
    done = subprocess.run([tool, "send", transport, str(port), str(seconds)], capture_output=True, text=True)
    return json.loads(done.stdout)


def limit(tool, transport, seconds):
    """What a receiver takes that does nothing."""
    receiver = subprocess.Popen([tool, "drop", transport], stdout=subprocess.PIPE, text=True)
    sent = send(tool, transport, int(receiver.stdout.readline()), seconds)
    got = json.loads(receiver.stdout.readline())
    receiver.wait()
    records = got["received"] if transport == "udp" else sent["records"]
    return {"bytesPerSecond": got["bytes"] / got["seconds"], "recordsPerSecond": records / got["seconds"]}


def disk(tool, folder, seconds):
    """What the disk takes of a file that is synced every 8 MiB."""
    done = subprocess.run([tool, "append", f"{folder}/appended", str(seconds)], capture_output=True, text=True)
    os.remove(f"{folder}/appended")
    got = json.loads(done.stdout)
    return {"bytesPerSecond": got["bytes"] / got["seconds"], "recordsPerSecond": 0}


def engine(millrace, tool, folder, transport, seconds, query, checkpoint, trigger):
    """What millrace takes and computes."""
    name = f"{folder}/{time.monotonic_ns()}"
    os.mkdir(name)
    pipeline = {
        "sources": {"lines": {"format": "socket", "options": {
            "transport": transport, "mode": "listen", "port": 0, "portFile": "port"}}},
        "sinks": {"out": {"query": query, "outputMode": "complete", "format": "console",
                          "options": {"numRows": 1}}},
    }
    if checkpoint:
        pipeline["checkpointLocation"] = "checkpoint"
    if trigger:
        pipeline["trigger"] = {"processingTime": trigger}
    with open(f"{name}/connectors.json", "w") as file:
        json.dump({"version": 1, "pipelines": {"p": pipeline}}, file)
    process = subprocess.Popen([millrace, "run", "--progress", "progress"], cwd=name,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(f"{name}/port") or not os.path.getsize(f"{name}/port"):
        time.sleep(0.01)
    with open(f"{name}/port") as file:
        port = int(file.read())
    time.sleep(0.2)
    start = time.monotonic()
    sent = send(tool, transport, port, seconds)
    rows, idle = 0, 0
    while idle < 10:
        time.sleep(0.05)
        with open(f"{name}/progress") as file:
            batches = [json.loads(line) for line in file if line.endswith("\n")]
        now = sum(batch["numInputRows"] for batch in batches)
        idle = idle + 1 if now == rows else 0
        if now != rows:
            end = time.monotonic()
        rows = now
        if transport == "tcp" and rows >= sent["records"]:
            break
    with open(f"/proc/{process.pid}/stat") as file:
        cpu = sum(map(int, file.read().split()[13:15])) / os.sysconf("SC_CLK_TCK")
    process.terminate()
    process.wait()
    return {"recordsPerSecond": rows / (end - start), "received": rows, "sent": sent["records"], "cpuSeconds": cpu,
            "bytesPerSecond": rows * sent["bytes"] / sent["records"] / (end - start), "batches": len(batches)}


def samples(millrace, work, seconds):
    """Yields a dict for each measurement: what, bytesPerSecond, recordsPerSecond, and for millrace wall and cpu."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        tool = compile_tool(folder)
        for transport in ["tcp", "udp"]:
            yield {"what": f"{transport} limit", **limit(tool, transport, seconds)}
            if transport == "tcp":
                yield {"what": "tcp limit of the disk", **disk(tool, folder, seconds / 2)}
            for what, query in [("count", COUNT), ("words", WORDS)]:
                for checkpoint in [False, True]:
                    result = engine(millrace, tool, folder, transport, seconds, query, checkpoint, None)
                    result["what"] = f"{transport} {what}{' checkpoint' if checkpoint else ''}"
                    if what == "words":
                        result["wordsPerSecond"] = result["recordsPerSecond"] * 10
                    yield result


def main():
    millrace = os.path.abspath(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    for sample in samples(millrace, sys.argv[3] if len(sys.argv) > 3 else None, seconds):
        print(json.dumps(sample), flush=True)


if __name__ == "__main__":
    main()
