"""One metered run of a command: wall, CPU and peak memory of the whole process, and what others did meanwhile."""
import ctypes, os, shutil, signal, subprocess, sys, time

CORES = os.cpu_count() or 1


class Failed(Exception):
    """A command ended with a status other than 0, or not in time."""


def busy():
    """CPU seconds that all processes of the machine have used since it started (iowait and steal left out)."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / os.sysconf("SC_CLK_TCK")


def run(command, environment, log, timeout=1800):
    """Runs `command` with its output in the file `log`; wall, cpu (user + system) in seconds, rss (of the largest
    process) in MiB, foreign: the share of the machine's cores that other processes used."""
    environment = {**os.environ, **environment}
    before, start = busy(), time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        # become a subreaper, so that orphaned helpers (a JVM, say) are counted too
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        child = os.fork()
        if child == 0:
            with open(os.devnull) as none, open(log, "w") as out:
                os.dup2(none.fileno(), 0); os.dup2(out.fileno(), 1); os.dup2(out.fileno(), 2)
            try:
                os.execvpe(command[0], command, environment)
            except OSError:
                os._exit(127)
        status = 0
        while True:
            try:
                ended, s = os.wait()
            except ChildProcessError:
                break
            if ended == child:
                status = os.waitstatus_to_exitcode(s)
        os._exit(status & 255)

    def give_up(*_):
        os.killpg(pid, signal.SIGKILL)
    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(timeout)
    try:
        _, status, used = os.wait4(pid, 0)
    except BaseException:
        give_up()
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    wall = time.monotonic() - start
    cpu = used.ru_utime + used.ru_stime
    if status:
        with open(log, errors="replace") as f:
            raise Failed("%s: status %d\n%s" % (" ".join(command[:6]), os.waitstatus_to_exitcode(status), f.read()[-1500:]))
    foreign = max(0.0, busy() - before - cpu) / (wall * CORES)
    return {"wall": wall, "cpu": cpu, "rss": used.ru_maxrss / 1024, "foreign": min(1.0, foreign)}


def text(*command, **more):
    """The standard output of a short command, empty where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **more).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def loud(*command, **more):
    """Runs a command of preparation; what it prints goes to standard error."""
    print("+ " + " ".join(command), file=sys.stderr)
    if subprocess.run(command, stdout=sys.stderr, **more).returncode:
        raise Failed(" ".join(command))


def emptied(folder):
    """`folder`, there and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


class Progress:
    """One line on standard error: in its place on a terminal, one after the other elsewhere."""

    def __init__(self):
        self.live = sys.stderr.isatty()

    def show(self, line):
        if self.live:
            sys.stderr.write("\r\033[K" + line[:110])
            sys.stderr.flush()
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, line):
        if self.live:
            sys.stderr.write("\r\033[K")
        print(line, file=sys.stderr, flush=True)
