"""How a program is started: so that it ends with us, and only while its attempt may start anything."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

#: These lines ask the kernel to kill the process when the thread that started it ends (PR_SET_PDEATHSIG),
#: then become the program. Their pipe closes at that moment, whether or not the program could be started.
LAUNCHER = """\
import ctypes, os, resource, sys
parent, pipe, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.set_inheritable(pipe, False)
os.umask(0o077)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != parent: os._exit(125)
try: os.execv(program, sys.argv[4:])
except OSError as error: print(f"{program}: {error.strerror}", file=sys.stderr, flush=True); os._exit(126)
"""
_permission: list[Callable[[], AbstractContextManager[object]]] = [contextlib.nullcontext]


def require_permission(permission: Callable[[], AbstractContextManager[object]]) -> None:
    """From now on this process starts each program inside ``permission()``, which may raise instead."""
    _permission[0] = permission


def start_program(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a program by its full path; returns once it runs, so that permission covers its very start."""
    with _permission[0]():
        reader, writer = os.pipe()
        try:
            command = [
                sys.executable,
                "-I",
                "-S",
                "-c",
                LAUNCHER,
                str(os.getpid()),
                str(writer),
                words[0],
                *words,
            ]
            process = subprocess.Popen(command, pass_fds=(writer,), **options)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            pipe.read()
        return process
