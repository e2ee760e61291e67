"""A cgroup for each attempt: whatever the attempt starts stays in it, and ends by one write to a file.

Needs a cgroup of version 2 in which this process may make others: as root on a host, or with `Delegate=yes`
under systemd. Containers have it read-only by default.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache
from pathlib import Path

from checklists.executor.process.identity import identity, place_key
from integrations import processes

TIMEOUT = 2.0  # seconds for the kernel to end what is in a cgroup


@cache
def attempts_folder() -> Path | None:
    """The cgroup below which those of this place's attempts are; None where there is no version 2."""
    mounted = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    mounts = [words for words in mounted if words[words.index("-") + 1] == "cgroup2"]
    paths = [
        line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
    ]
    if not mounts or not paths:
        return None
    root, mount_point = mounts[0][3], mounts[0][4]
    own = paths[0].removeprefix(root.rstrip("/")).strip("/")
    # The place is in the name: a worker of another pid namespace cannot see our guards and would end them.
    return Path(mount_point) / own / f"cutover-{place_key(identity())}"


def is_available() -> bool:
    """Tries it: whether a process can be moved into a cgroup that can be killed."""
    folder = attempts_folder()
    if folder is None:
        return False
    trial = folder / f"trial-{os.getpid()}"
    try:
        trial.mkdir(parents=True)
        pid = os.fork()
        if pid == 0:
            os._exit(_try_to_join(trial))
        joined = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return joined and (trial / "cgroup.kill").exists()
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            trial.rmdir()


def _try_to_join(cgroup: Path) -> int:
    try:
        join(cgroup)
    except OSError:
        return 1
    return 0


def create(attempt: str) -> Path:
    """A cgroup for what this process, the guard of the attempt, is about to start."""
    folder = attempts_folder()
    assert folder is not None
    cgroup = folder / f"{attempt}.{os.getpid()}.{processes.start_ticks(os.getpid())}"
    cgroup.mkdir(parents=True, exist_ok=True)
    return cgroup


def join(cgroup: Path) -> None:
    """Moves this process, and thereby all that it will start, into the cgroup."""
    (cgroup / "cgroup.procs").write_text("0")


def end_attempt(attempt: str) -> None:
    """Ends what is in the cgroups of this attempt here."""
    for cgroup, _, _ in _cgroups(attempt):
        _end(cgroup)


def end_own(attempt: str) -> None:
    """Ends what this guard has put into cgroups of the attempt, and what no guard looks after any more."""
    for cgroup, pid, started in _cgroups(attempt):
        if int(pid) == os.getpid() or processes.find_process(int(pid), started) is None:
            _end(cgroup)


def end_abandoned() -> int:
    """Ends what is in the cgroups whose guard is gone; how many there were."""
    gone = [
        cgroup for cgroup, pid, started in _cgroups("") if processes.find_process(int(pid), started) is None
    ]
    for cgroup in gone:
        _end(cgroup)
    return len(gone)


def remove_empty_folder() -> None:
    """Leaves no trace of a worker that ends, unless another one of this place uses the folder."""
    folder = attempts_folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cgroups(attempt: str) -> list[tuple[Path, str, str]]:
    """The cgroups of an attempt, or of all, each with the pid and start of its guard."""
    folder = attempts_folder()
    if folder is None or not folder.is_dir():
        return []
    named = [(path, path.name.split(".")) for path in folder.iterdir() if path.is_dir()]
    return [
        (path, parts[1], parts[2])
        for path, parts in named
        if len(parts) == 3 and (not attempt or parts[0] == attempt)
    ]


def _end(cgroup: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # somebody else ended it meanwhile
        (cgroup / "cgroup.kill").write_text("1")
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        try:
            cgroup.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # not empty yet
            time.sleep(0.02)
        else:
            return
