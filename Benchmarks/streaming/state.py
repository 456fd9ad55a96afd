#!/usr/bin/env python3
"""Running count per key in update mode with a checkpoint: rows a second and memory as the state grows, and when it no longer does.

usage: state.py MILLRACE WORKDIR KEYS ROWS_PER_BATCH BATCHES [memory | sqlite] [CACHE_SIZE]

Keys come in an order without rhyme, each once in KEYS rows. Spark's side is spark_state.py, with the same keys. A line for each batch, and one
with the peak of the resident memory, of which pages of files in the page cache are no part.
"""
import json, os, shutil, signal, subprocess, sys, time

millrace, work, keys, rows, batches = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
store = sys.argv[6] if len(sys.argv) > 6 else "memory"
shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
pipeline = {
    "sources": {"rate": {"format": "rate-micro-batch", "options": {"rowsPerBatch": rows, "numPartitions": 2}}},
    "sinks": {"out": {
        "query": "SELECT k, count(*) AS n FROM (SELECT value * 2654435761 %% %d AS k FROM rate) GROUP BY k" % keys,
        "outputMode": "update", "format": "console", "options": {"numRows": 1}}},
    "checkpointLocation": "checkpoint",
}
if store != "memory":
    pipeline["stateStore"] = {"format": store, "options": {"cacheSize": sys.argv[7]} if len(sys.argv) > 7 else {}}
with open(work + "/connectors.json", "w") as file:
    json.dump({"version": 1, "pipelines": {"p": pipeline}}, file)
process = subprocess.Popen([millrace, "run", "--progress", "progress"], cwd=work, stdout=subprocess.DEVNULL)


def progress():
    try:
        with open(work + "/progress") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []


while len(progress()) < batches and process.poll() is None:
    time.sleep(0.1)
with open("/proc/%d/status" % process.pid) as file:
    peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
process.send_signal(signal.SIGTERM)
process.wait()
total = 0
for batch in progress()[:batches]:
    batch = batch.get("progress", batch)
    total += batch["durationMs"]["triggerExecution"]
    operator = batch["stateOperators"][0]
    print("batch %d rows %d ms %d (%.0f rows/s) state rows %d state MiB %.0f" % (
        batch["batchId"], batch["numInputRows"], batch["durationMs"]["triggerExecution"],
        1e3 * batch["numInputRows"] / max(batch["durationMs"]["triggerExecution"], 1),
        operator["numRowsTotal"], operator["memoryUsedBytes"] / 1048576))
size = sum(os.path.getsize(os.path.join(r, f)) for r, _, fs in os.walk(work) for f in fs)
print("keys %d store %s: %.0f rows/s over all, peak RSS %.0f MiB, checkpoint %.0f MiB" % (
    keys, store, 1e3 * rows * batches / max(total, 1), peak / 1024, size / 1048576))
