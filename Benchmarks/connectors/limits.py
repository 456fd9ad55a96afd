#!/usr/bin/env python3
"""What the libraries do alone, for scripts/bench --connectors.

usage: limits.py deflate LEVEL FILE.gz...          compresses the text of the files with zlib on one core; prints JSON
       limits.py stage DB TABLE DATABASE           keeps a table that was written, in the order in which its rows came
       limits.py append|upsert DB STAGED KEY       writes the staged rows into a new table with SQLite alone, by its rowid or the key KEY
"""
import gzip, json, os, shutil, sqlite3, sys, time, zlib


def deflate(level, files):
    """Seconds that zlib alone takes; inflating stands outside of the clock."""
    spent, cpu, size, dense = 0.0, 0.0, 0, 0
    for name in files:
        with gzip.open(name) as f:
            text = f.read()
        start, began = time.monotonic(), time.process_time()
        packed = zlib.compressobj(int(level), zlib.DEFLATED, 31)
        dense += sum(len(packed.compress(text[at:at + (1 << 20)])) for at in range(0, len(text), 1 << 20)) + len(packed.flush())
        spent, cpu = spent + time.monotonic() - start, cpu + time.process_time() - began
        size += len(text)
    return {"seconds": spent, "cpuSeconds": cpu, "bytes": size, "packed": dense}


def stage(source, table, target):
    """Copies the rows of a table into a database of their own."""
    if os.path.exists(target):
        os.remove(target)
    db = sqlite3.connect(target, isolation_level=None)
    db.execute("ATTACH ? AS source", (source,))
    db.execute("CREATE TABLE rows AS SELECT * FROM source.%s ORDER BY rowid" % table)
    return {"rows": db.execute("SELECT count(*) FROM rows").fetchone()[0]}


def write(kind, target, staged, key):
    """The rows into a new table as the sink makes it: WAL, synced, one transaction."""
    for end in ("", "-wal", "-shm"):
        if os.path.exists(target + end):
            os.remove(target + end)
    db = sqlite3.connect(target, isolation_level=None)
    for pragma in ("page_size=8192", "journal_mode=WAL", "synchronous=FULL", "cache_size=-32768"):
        db.execute("PRAGMA " + pragma)
    db.execute("ATTACH ? AS staged", (staged,))
    db.execute("PRAGMA staged.mmap_size=1073741824")
    columns = [row[1:3] for row in db.execute("PRAGMA staged.table_info(rows)")]
    names = ", ".join(name for name, _ in columns)
    primary = ", PRIMARY KEY (%s)) WITHOUT ROWID" % key if kind == "upsert" else ")"
    db.execute("CREATE TABLE written (%s%s" % (", ".join("%s %s" % c for c in columns), primary))
    count = db.execute("SELECT count(*), sum(length(%s)) FROM rows" % columns[0][0]).fetchone()[0]
    conflict = " ON CONFLICT (%s) DO UPDATE SET %s" % (
        key, ", ".join("%s = excluded.%s" % (c, c) for c, _ in columns if c != key)) if kind == "upsert" else ""
    start = time.monotonic()
    db.execute("BEGIN IMMEDIATE")
    # the condition keeps SQLite from copying whole pages, which no rows from outside can have
    db.execute("INSERT INTO written (%s) SELECT %s FROM rows WHERE rowid > 0%s" % (names, names, conflict))
    db.execute("COMMIT")
    return {"rows": count, "seconds": time.monotonic() - start}


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "deflate":
        found = deflate(rest[0], rest[1:])
    elif what == "stage":
        found = stage(*rest)
    else:
        found = write(what, *rest)
    print(json.dumps(found))
