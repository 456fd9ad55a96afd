"""The input folders: what gen.py makes, the same in one file, and several times as much."""
import gzip, json, os, re, shutil, sys
from concurrent.futures import ProcessPoolExecutor

from . import process
from .tools import HERE

sys.path.insert(0, os.path.join(HERE, "peers"))
import common

WORKLOADS = ("w1", "w2", "w3", "w4")


def manifest(folder):
    try:
        with open(os.path.join(folder, "manifest.json")) as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def size(folder, workload):
    """Uncompressed bytes and number of files."""
    found = [m["bytes"] for name, m in manifest(folder).items() if name.startswith(workload + "/")]
    return sum(found), len(found)


def workload(query):
    return common.INPUT[query.split("-")[0]]


def generate(folder, wanted, mib, files):
    """Makes the workloads that are not there yet; those that come later have the size of those that are there."""
    there = [w for w in WORKLOADS if size(folder, w)[1] and len(common.files(folder, w)) >= size(folder, w)[1]]
    missing = [w for w in wanted if w not in there]
    if there:
        mib, files = round(size(folder, there[0])[0] / 1048576), size(folder, there[0])[1]
    if missing:
        process.loud(sys.executable, os.path.join(HERE, "gen.py"), folder, "--mib", str(mib), "--files", str(files), "--only", ",".join(missing))
    return mib, files


def name_of(workload, number):
    return common.PAT[workload].replace("*", str(number))


def finish(folder, workload, entries):
    """The manifest is written last: a folder without it is made again."""
    known = {**manifest(folder), **{"%s/%s" % (workload, n): e for n, e in entries.items()}}
    path = os.path.join(folder, "manifest.json")
    with open(path + ".new", "w") as f:
        json.dump(known, f, indent=1)
    os.replace(path + ".new", path)


def one_file(folder, base, workload):
    """All of a workload in one gzip member: nothing in it says where a second thread could begin."""
    if size(folder, workload)[1]:
        return folder
    process.emptied(os.path.join(folder, workload))
    path = os.path.join(folder, workload, name_of(workload, 1))
    total = 0
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as out:
        for f in common.files(base, workload):
            with gzip.open(f) as g:
                while block := g.read(1 << 20):
                    total += len(block)
                    out.write(block)
    finish(folder, workload, {os.path.basename(path): {"bytes": total, "gz": os.path.getsize(path)}})
    return folder


def later(workload, text, copy):
    """A file's text as it were `copy` days later, with users of its own."""
    if workload == "w1":
        return text.replace(b"[01/Jan/2026:", b"[%02d/Jan/2026:" % (1 + copy))
    if workload == "w2":
        return text.replace(b'"2026-01-01T', b'"2026-01-%02dT' % (1 + copy)).replace(b'{"user_id":"', b'{"user_id":"%d-' % copy)
    return text


def one_copy(job):
    workload, source, target, copy, when = job
    with gzip.open(source) as f:
        text = later(workload, f.read(), copy)
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as out:
        out.write(text)
    os.utime(target, (when, when))
    return os.path.basename(target), {"bytes": len(text), "gz": os.path.getsize(target)}


def copies(folder, base, workload, times):
    """`times` as much as in `base`. Making that much afresh would take an hour and give the same figures: the text is
    repeated as it is, and log and events are repeated a day later each, with new users."""
    files = common.files(base, workload)
    if size(folder, workload)[1]:
        return folder
    if workload in ("w1", "w2") and (times > 28 or size(base, workload)[0] > 1 << 30):
        raise process.Failed("scaling repeats one day's data, at most 28 times: begin with 1 GiB at most")
    process.emptied(os.path.join(folder, workload))
    jobs = []
    for copy in range(times):
        for i, f in enumerate(files):
            number = times * len(files) - (copy * len(files) + i)
            jobs.append((workload, f, os.path.join(folder, workload, name_of(workload, number)), copy, 1767225600 + 3600 * len(jobs)))
    if workload == "w3":
        entries = {}
        for _, source, target, _, when in jobs:
            shutil.copyfile(source, target)
            os.utime(target, (when, when))
            listed = manifest(base)["%s/%s" % (workload, os.path.basename(source))]
            entries[os.path.basename(target)] = {"bytes": listed["bytes"], "gz": listed["gz"]}
    else:
        with ProcessPoolExecutor(2) as pool:
            entries = dict(pool.map(one_copy, jobs))
    if os.path.exists(os.path.join(base, "campaigns.csv")):
        shutil.copyfile(os.path.join(base, "campaigns.csv"), os.path.join(folder, "campaigns.csv"))
    finish(folder, workload, entries)
    return folder


def recompressed(folder):
    """Bytes of the .gz files below `folder`, and of the same text by zlib at level 6 (in a process of its own: the
    meter counts memory that its parent had)."""
    code = """
import glob, gzip, os, sys, zlib
files = glob.glob(os.path.join(sys.argv[1], "**", "*.gz"), recursive=True)
z, dense = zlib.compressobj(6, zlib.DEFLATED, 31), 0
for f in files:
    with gzip.open(f) as g:
        while block := g.read(1 << 20):
            dense += len(z.compress(block))
print(sum(map(os.path.getsize, files)), dense + len(z.flush()))
"""
    return [int(x) for x in process.text(sys.executable, "-c", code, folder).split()]
