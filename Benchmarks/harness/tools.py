"""What the benchmarks run with: the built command, the limit, the peers in their virtual environment, and their versions."""
import hashlib, os, platform, re, shutil, sys

from . import process

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
NEEDS = {"duckdb": ["duckdb"], "chdb": ["chdb", "pyarrow"], "polars": ["polars"], "spark-batch": ["pyspark", "pyarrow"]}


def build(work, product="millrace", more=()):
    """Builds a product in release mode and returns its path."""
    command = ["swift", "build", "-c", "release", "--product", product, *more]
    process.loud(*command, cwd=ROOT)
    return os.path.join(process.text(*command, "--show-bin-path", cwd=ROOT), product)


def limit(work):
    """The compiled Benchmarks/limits/inflate2.cpp."""
    source, built = os.path.join(HERE, "limits", "inflate2.cpp"), os.path.join(work, "inflate2")
    if not os.path.exists(built) or os.path.getmtime(built) < os.path.getmtime(source):
        os.makedirs(work, exist_ok=True)
        process.loud("c++", "-O3", "-o", built, source, "-lisal", "-lpthread")
    return built


def latency_client(work):
    """The compiled Benchmarks/streaming/latency.cpp."""
    source, built = os.path.join(HERE, "streaming", "latency.cpp"), os.path.join(work, "latency")
    if not os.path.exists(built) or os.path.getmtime(built) < os.path.getmtime(source):
        os.makedirs(work, exist_ok=True)
        process.loud("c++", "-O2", "-std=c++17", "-o", built, source, "-lpthread")
    return built


def python(work, peers):
    """The interpreter of a virtual environment that has the peers; made and filled where something is missing."""
    wanted = sorted({p for peer in peers for p in NEEDS.get(peer, [])})
    interpreter = os.path.join(work, "venv", "bin", "python")
    if not wanted:
        return sys.executable
    if not os.path.exists(interpreter):
        process.loud(sys.executable, "-m", "venv", os.path.join(work, "venv"))
    if [p for p in wanted if not version(interpreter, p)]:
        with open(os.path.join(HERE, "peers", "requirements.txt")) as f:
            pinned = {line.split("=")[0].strip(): line.strip() for line in f}
        process.loud(interpreter, "-m", "pip", "install", "--disable-pip-version-check", *[pinned.get(p, p) for p in wanted])
    return interpreter


def version(interpreter, package):
    code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    return process.text(interpreter, "-c", code, package)


def usable(peer, interpreter):
    """Why a peer cannot run here, empty where it can."""
    missing = [p for p in NEEDS.get(peer, []) if not version(interpreter, p)]
    if missing:
        return "no " + ", ".join(missing)
    commands = {"shell": ["zcat", "mawk"], "shell-igzip": ["igzip", "mawk"], "shell-gawk": ["pigz", "gawk"], "spark-batch": ["java"]}
    return "".join("no %s " % c for c in commands.get(peer, []) if not shutil.which(c)).strip()


def identity(path):
    """A short digest of a file's bytes."""
    h = hashlib.blake2b(digest_size=8)
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def number(text):
    """The version in what a command says of itself."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else ""


def versions(millrace, peers, interpreter):
    """Names and versions of everything that is timed."""
    found = {"millrace": number(process.text(millrace, "version"))}
    # a command from elsewhere says nothing of the commit it was built from
    commit = millrace.startswith(ROOT) and process.text("git", "-C", ROOT, "rev-parse", "--short", "HEAD")
    if commit:
        changed = process.text("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no", "--", "Sources", "Plugins")
        found["commit"] = commit + (" with changes" if changed else "")
    found["swift"] = number(process.text("swift", "--version"))
    for peer in peers:
        if peer in NEEDS:
            found[peer] = version(interpreter, NEEDS[peer][0])
    if any(p.startswith("shell") for p in peers):
        found["igzip"] = number(process.text("igzip", "--version"))
        found["mawk"] = number(process.text("mawk", "-W", "version"))
    found["python"] = platform.python_version()
    return {k: v for k, v in found.items() if v}


def machine():
    """What the figures were taken on."""
    def field(path, key):
        with open(path) as f:
            return next((l.split(":", 1)[1].strip() for l in f if l.startswith(key)), "")
    system = "Linux"
    if os.path.exists("/etc/os-release"):
        with open("/etc/os-release") as f:
            system = next((l.split("=", 1)[1].strip().strip('"') for l in f if l.startswith("PRETTY_NAME=")), system)
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "memory": "%.0f GiB" % (int(field("/proc/meminfo", "MemTotal").split()[0]) / 1048576), "system": system, "kernel": platform.release().split("-")[0],
    }
