"""Which processes belong to a run of tests, and how they are ended: by process id, never by name.

Only the standard library: the keeper (`tests.keeper`) runs this file without anything that is under test.

A process belongs to a run when

- its environment names the run's folder: every program that gets our environment, also through others;
- its command line does, and it is not what somebody at another terminal looks into the folder with;
- it was seen below the run's process (the *owner*) while that lived: programs whose environment was emptied;
- it holds the other end of the keeper's pipe: what the owner forked and did not replace by a program;
- it descends from one of these, or is in the session of one of them: children of servers rewrite both texts.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

KEEPER = [b"-m", b"tests.keeper"]  # words of the command line of a keeper
PARENT, SESSION, STARTED = 4, 6, 22  # fields of /proc/PID/stat, counted from 1 (man 5 proc)


@dataclass(frozen=True)
class Entry:
    """A living process; ``started`` (clock ticks since the boot) tells it from a later one with its pid."""

    pid: int
    parent: int
    session: int
    started: int


Table = dict[int, Entry]


def _read(pid: int, name: str) -> bytes:
    """A file of /proc; empty for a process that is gone or not ours to look at."""
    try:
        handle = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)  # thousands of times: `open` is slow
    except OSError:
        return b""
    try:
        text = part = os.read(handle, 4096)
        while len(part) >= 4096:
            text += (part := os.read(handle, 4096))
        return text
    except OSError:
        return b""
    finally:
        os.close(handle)


def _names(folder: str) -> list[str]:
    """The entries of a folder of /proc; nothing for a process that is gone or not ours to look at."""
    try:
        return os.listdir(folder)  # noqa: PTH208  # a tenth of the time that objects of them take
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # as above
    except OSError:
        return ""


def read_entry(pid: int) -> Entry | None:
    """The process with that pid; None when there is none, or only a zombie."""
    # The name in field 2 may hold blanks and brackets.
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if not fields or fields[0] in b"ZX":
        return None
    return Entry(pid, *(int(fields[number - 3]) for number in (PARENT, SESSION, STARTED)))


def list_processes() -> Table:
    """Every living process that may be seen here, by pid."""
    entries = (read_entry(int(name)) for name in _names("/proc") if name.isdigit())
    return {entry.pid: entry for entry in entries if entry}


def is_keeper(pid: int) -> bool:
    """Whether it is the keeper of a run inside of ours: it clears up after that run, and ends by itself."""
    return _read(pid, "cmdline").split(b"\0")[3:5] == KEEPER


def _describe(pid: int) -> str:
    return f"{pid} {_read(pid, 'cmdline').replace(bytes(1), b' ').decode(errors='replace')}".strip()


def _lineage(pid: int, table: Table) -> set[int]:
    """The pids of a process and its ancestors."""
    found: set[int] = set()
    while pid in table and pid not in found:
        found.add(pid)
        pid = table[pid].parent
    return found


def _send(entry: Entry, number: signal.Signals) -> None:
    """To exactly this process: the handle is open before we look whether its pid was given to another."""
    try:
        handle = os.pidfd_open(entry.pid)
    except OSError:
        return
    try:
        if (now := read_entry(entry.pid)) and now.started == entry.started:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass  # it has ended
    finally:
        os.close(handle)


@dataclass
class Belongings:
    """What belongs to the run with these folders; never who asks, the owner, or an ancestor of theirs.

    ``owner``: the pid of the run's process. ``pipe``: the link of our end of its pipe (``pipe:[4711]``).
    """

    folders: list[str]
    owner: int = 0
    pipe: str = ""
    seen: set[tuple[int, int]] = field(default_factory=set)  # pid and start of what was below the owner
    sessions: set[int] = field(default_factory=set)  # that these began

    def __post_init__(self) -> None:
        table = list_processes()
        self.spared = _lineage(os.getpid(), table) | _lineage(self.owner, table)
        self.own_session = table[self.owner].session if self.owner in table else os.getsid(0)
        self.owner_itself = table.get(self.owner)

    def look(self) -> None:
        """Remembers what is below the owner now."""
        table = list_processes()
        living = {entry.session for entry in table.values()}
        self.sessions &= living
        self._remember(self._with_what_they_started(self._known(table), table), table)

    def alive(self) -> list[Entry]:
        """What runs now."""
        table = list_processes()
        known = self._known(table) | set(self._named(table)) | set(self._forked(table))
        found = self._with_what_they_started(known, table)
        found = self._with_what_they_started(found | set(self._called(found, table)), table)
        self._remember(found, table)
        return [table[pid] for pid in sorted(found)]

    def lines(self) -> list[str]:
        """Pid and command line of what runs now."""
        return [_describe(entry.pid) for entry in self.alive()]

    # ── how they are found ───────────────────────────────────────────────────
    def _remember(self, pids: set[int], table: Table) -> None:
        self.seen = {(pid, table[pid].started) for pid in pids}
        self.sessions |= {pid for pid in pids if table[pid].session == pid}

    def _known(self, table: Table) -> set[int]:
        known = {pid for pid, started in self.seen if pid in table and table[pid].started == started}
        return known | {entry.pid for entry in table.values() if entry.session in self.sessions}

    def _names_folder(self, text: bytes) -> bool:
        words = b"|".join(re.escape(folder.encode()) for folder in self.folders)
        return re.search(rb"(?:%b)(?![\w-])" % words, text) is not None  # …/pytest-1 is not …/pytest-12

    def _named(self, table: Table) -> Iterator[int]:
        return (pid for pid in table if self._names_folder(_read(pid, "environ")))

    def _forked(self, table: Table) -> Iterator[int]:
        for pid in table if self.pipe else ():
            handles = _names(f"/proc/{pid}/fd")
            if any(_link(f"/proc/{pid}/fd/{handle}") == self.pipe for handle in handles):
                yield pid

    def _called(self, found: set[int], table: Table) -> Iterator[int]:
        """By command line; a session that somebody else began is somebody at another terminal."""
        for entry in table.values():
            leader = entry.session if entry.session in table else entry.pid
            ours = leader == entry.pid or leader in found or entry.session == self.own_session
            if ours and entry.pid not in self.spared and self._names_folder(_read(entry.pid, "cmdline")):
                yield entry.pid

    def _with_what_they_started(self, known: set[int], table: Table) -> set[int]:
        children: defaultdict[int, list[int]] = defaultdict(list)
        members: defaultdict[int, list[int]] = defaultdict(list)
        for entry in table.values():
            children[entry.parent].append(entry.pid)
            members[entry.session].append(entry.pid)
        found: set[int] = set()
        next_ones = list(known)
        if self.owner_itself and table.get(self.owner) == self.owner_itself:
            next_ones += children[self.owner]
        while next_ones:
            pid = next_ones.pop()
            if pid not in found and pid not in self.spared and pid in table:
                found.add(pid)
                next_ones += children[pid]
                next_ones += members[pid]  # a session has the pid of the process that began it
        return found

    # ── how they are ended ───────────────────────────────────────────────────
    def end(self, grace: float, limit: float = 20.0) -> list[str]:
        """Ends all of it: SIGTERM, after ``grace`` seconds SIGKILL. The command lines of what was found.

        A server that ends by itself gives its shared memory back. Keepers are left alone up to the limit
        (seconds), after which we give up on whatever still runs.
        """
        first = self.alive()
        told = [_describe(entry.pid) for entry in first if not is_keeper(entry.pid)]
        if not first:
            return told
        begin = time.monotonic()
        for entry in first if grace else ():
            self._end_unless_keeper(entry, signal.SIGTERM)
        self._wait(lambda left: None, begin + grace)
        self._wait(lambda entry: self._end_unless_keeper(entry, signal.SIGKILL), begin + limit)
        self._wait(lambda entry: _send(entry, signal.SIGKILL), begin + limit + 1)
        return told

    def _end_unless_keeper(self, entry: Entry, number: signal.Signals) -> None:
        if not is_keeper(entry.pid):
            _send(entry, number)

    def _wait(self, each: Callable[[Entry], None], until: float) -> None:
        while (left := self.alive()) and time.monotonic() < until:
            for entry in left:
                each(entry)
            time.sleep(0.05)


def processes_of(*folders: object) -> list[int]:
    """The pids of what runs for a run, or a part of one, with these folders, without those who ask."""
    return [entry.pid for entry in Belongings([str(folder) for folder in folders]).alive()]
