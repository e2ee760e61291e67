"""The program that runbooks of chaos run: it keeps a journal, ignores SIGTERM and lets a child escape.

It is started by the panel's `command.run`, as `program.py run JOURNAL RESOURCE KEY SECONDS SECRET MARK`, and
by its probe as `program.py probe JOURNAL KEY`. It knows nothing of the panel and imports none of it. Times
are those of CLOCK_BOOTTIME, which the kernel also uses for the start of a process.
"""

import base64
import json
import os
import signal
import sys
import time
import urllib.parse
from pathlib import Path

ESCAPED_LIVES = 120  # seconds; whoever finds it alive after the run counts it as an orphan


def now():
    """Seconds since the boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def started():
    """When the kernel started this process, in seconds since the boot."""
    with Path("/proc/self/stat").open() as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def write(journal, **facts):
    """One line, in one write: nothing can tear it, and no death of ours takes it back."""
    handle = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, json.dumps({**facts, "at": now()}).encode() + b"\n")
    os.close(handle)


def escape(journal, about, mark):
    """A grandchild in a session of its own, without our parent and, unless ``mark``, our environment."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    environment = dict(os.environ) if mark == "keep" else {}
    words = [sys.executable, "-S", "-I", __file__, "escaped", journal, json.dumps(about)]
    os.execve(sys.executable, words, environment)


def live_on(journal, about):
    """Shows signs of life until it is killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    until = now() + ESCAPED_LIVES
    while now() < until:
        write(journal, what="escaped", **about)
        time.sleep(0.1)


def run(journal, resource, key, seconds, secret, mark):
    """Begins, waits, has its one effect, prints lines, and ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    attempt = os.environ.get("CUTOVER_ATTEMPT", "")
    about = {"attempt": attempt, "key": key, "resource": resource, "pid": os.getpid()}
    write(journal, what="start", started=started(), **about)
    escape(journal, about, mark)
    began, done = now(), False
    for number in range(max(3, int(float(seconds) * 10))):
        if not done and now() - began >= float(seconds) / 3:
            write(journal, what="effect", **about)
            done = True
        write(journal, what="line", number=number, **about)
        print(f"line {number} of {key}", flush=True)
        time.sleep(0.1)
    for said in (secret, base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe="")):
        print(f"the secret is {said}", flush=True)
    write(journal, what="end", **about)


def probe(journal, key):
    """0 when the effect of this key is there, 3 when it is not."""
    there = False
    with Path(journal).open() as lines:
        for line in lines:
            if '"effect"' in line and f'"{key}"' in line:
                there = True
    print("the effect is there" if there else "the effect is not there")
    return 0 if there else 3


if __name__ == "__main__":
    task, words = sys.argv[1], sys.argv[2:]
    if task == "escaped":
        live_on(words[0], json.loads(words[1]))
    elif task == "probe":
        sys.exit(probe(*words))
    else:
        run(*words)
