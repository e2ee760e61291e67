"""A pid namespace of its own for each guard: when its first process, the guard, ends, all others end with it.

Needs CAP_SYS_ADMIN. Inside, pids begin at 1 and /proc shows only what the attempt started.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
from collections.abc import Callable
from typing import Any

from checklists.executor.process import tree
from checklists.executor.process.identity import identity

log = logging.getLogger(__name__)
CLONE_NEWNS, CLONE_NEWPID = 0x0002_0000, 0x2000_0000  # include/linux/sched.h
MS_REC, MS_SLAVE = 1 << 14, 1 << 19  # include/linux/mount.h
_libc = ctypes.CDLL(None, use_errno=True)


def is_available() -> bool:
    """Tries it, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            code = run_as_first_process(lambda who: None)
        except OSError:
            code = 1
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def run_as_first_process(work: Callable[[dict[str, Any]], None]) -> int:
    """Runs ``work`` in a child that is the first process of a new pid namespace; gives its exit code.

    ``work`` gets the child's identity as it is seen from here: inside it cannot know its own pid out here.
    Raises OSError where it is not permitted.
    """
    _check(_libc.unshare(CLONE_NEWPID))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        _run_inside(work, reader)
    os.close(reader)
    os.write(writer, json.dumps(identity(pid)).encode())
    os.close(writer)
    # A request to stop is for the guard itself; if we ended here, a place of the worker would seem free.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run_inside(work: Callable[[dict[str, Any]], None], reader: int) -> None:
    code = 1
    try:
        with os.fdopen(reader, "rb") as pipe:
            who = json.loads(pipe.read())
        _mount_own_proc()
        tree.reset_signal_handlers()
        work(who)
        code = 0
    except BaseException:  # a forked process never returns into the code above it
        log.exception("the first process of a pid namespace failed")
    finally:
        os._exit(code)


def _mount_own_proc() -> None:
    """/proc of the new namespace, seen only here; later mounts of the host still arrive."""
    _check(_libc.unshare(CLONE_NEWNS))
    _check(_libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None))
    _check(_libc.mount(b"proc", b"/proc", b"proc", 0, None))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
