"""Runs code of a test in Linux namespaces of its own: directly as root, otherwise in a user namespace."""

from __future__ import annotations

import ctypes
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

NEWNS, NEWUTS, NEWUSER, NEWPID = 0x00020000, 0x04000000, 0x10000000, 0x20000000  # include/linux/sched.h
PRIVATE_AND_BELOW = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC of include/linux/mount.h
_libc = ctypes.CDLL(None, use_errno=True)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags):
        raise OSError(
            ctypes.get_errno(),
            "this host allows no namespaces: run the tests as root, or set the kernel settings "
            "user.max_user_namespaces > 0 and kernel.unprivileged_userns_clone = 1 "
            "(kernel.apparmor_restrict_unprivileged_userns = 0 on Ubuntu)",
        )


def enter_pid_namespace(*, hostname: str = "") -> None:
    """Moves this process's next child into a new pid namespace; with a name also into a new UTS namespace."""
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        _unshare(NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    _unshare(NEWNS | NEWPID | (NEWUTS if hostname else 0))
    if hostname:
        _libc.sethostname(hostname.encode(), len(hostname))


def mount_own_proc() -> None:
    """In the first process of a new pid namespace: /proc shows that namespace, here and nowhere else."""
    _libc.mount(None, b"/", None, PRIVATE_AND_BELOW, None)
    if _libc.mount(b"proc", b"/proc", b"proc", 0, None):
        raise OSError(ctypes.get_errno(), "mounting /proc in the new namespace")


class Namespaced:
    """A forked process, the first of a new pid namespace: it sends what ``work`` gives, then sleeps."""

    def __init__(self, work: Callable[[], Any], *, hostname: str = "") -> None:
        reader, writer = os.pipe()
        self.outer = os.fork()
        if self.outer == 0:
            _run(work, writer, hostname)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            first, second = pipe.readline(), pipe.readline()
        if not first.strip().isdecimal():  # a signal to process 0 would end the whole suite
            os.waitpid(self.outer, 0)
            raise OSError(first.strip() or "the process of the namespace ended without a word")
        self.pid = int(first)  # as this namespace sees it
        self.answer: Any = json.loads(second) if second else None

    def kill(self) -> None:
        """SIGKILL to the first process: the kernel ends all others of the namespace with it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.outer, 0)


def _run(work: Callable[[], Any], writer: int, hostname: str) -> None:
    try:
        enter_pid_namespace(hostname=hostname)
        held, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(held, 1)  # nothing comes: the pid is written, which has to be the first line
            mount_own_proc()
            os.write(writer, json.dumps(work()).encode() + b"\n")
            os.close(writer)
            while True:
                signal.pause()
        os.write(writer, f"{pid}\n".encode())
        os.close(writer)
        os.close(go)
        os.waitpid(pid, 0)
    except OSError as error:
        os.write(writer, f"{error}\n".encode())
    finally:
        os._exit(0)
