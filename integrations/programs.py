"""Runs a program without a shell, reads its output line by line, and ends everything that it started.

A few lines of Python start it (`program_start`). They ask the kernel to kill the process
when the thread that started it ends (``PR_SET_PDEATHSIG``), then become the program. So nothing survives
this process, however it dies. Call `run` from the main thread: the end of another thread would kill the
program.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from integrations.errors import Problem
from integrations.processes import ATTEMPT, RUN, ProcessTree
from integrations.program_output import OutputLines, ProgramOutput, ProgramReport
from integrations.program_start import start_program

ALLOWED = ("PATH", "LANG", "HOME", "TZ")
GRACE = 5.0  # seconds between asking (SIGTERM) and killing (SIGKILL)

#: program → how to install it
REMEDIES = {
    "pg_dump": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "pg_restore": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "psql": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "node": "Install Node.js 20 or later (Debian: apt-get install nodejs npm).",
    "npm": "Install Node.js with npm (Debian: apt-get install nodejs npm).",
    "npx": "Install Node.js with npm (Debian: apt-get install nodejs npm).",
    "ssh": "Install the SSH client (Debian: apt-get install openssh-client).",
    "docker": "Install Docker's command line (Debian: apt-get install docker.io).",
    "kubectl": "Install kubectl (Debian: apt-get install kubernetes-client).",
    "helm": "Install Helm (Debian has no package of it: helm.sh/docs/intro/install).",
    "pnpm": "Install pnpm (npm install --global pnpm) where the worker runs.",
    "prisma": "Run npm install (or pnpm install) in the Prisma project.",
}


@dataclass(frozen=True)
class CompletedProgram:
    """A program that ended by itself.

    ``code`` is its exit code (negative: the signal that ended it). ``stdout`` and ``stderr`` are what it
    wrote, secrets not masked: the whole standard output when it was captured, else the last 256 KiB.
    ``argv[0]`` is the full path of the program. ``seconds``: how long it ran.
    """

    argv: list[str]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the program says that it succeeded."""
        return self.code == 0


def find_program(program: str, *, cwd: str | Path | None = None, path: str | None = None) -> str:
    """The full path of a program. Raises `Problem`, which says how to install it."""
    name = Path(program).name
    if "/" in program:
        full = Path(cwd or ".", program).absolute()
        found = str(full) if full.is_file() and os.access(full, os.X_OK) else None
    else:
        found = shutil.which(program, path=os.environ.get("PATH", os.defpath) if path is None else path)
    if found is None:
        raise Problem(
            f"The program {program} is not installed where the worker runs.",
            means="Nothing was started and nothing was changed.",
            next=REMEDIES.get(name, f"Install {name}, or correct its path in the runbook, and try again."),
        )
    return found


def build_environment(extra: Mapping[str, str] | None = None, *, attempt: str = "") -> dict[str, str]:
    """The environment of a program: the variables in `ALLOWED`, those given, and the mark of its attempt."""
    env = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    env.update(extra or {})
    if attempt:
        env[ATTEMPT] = attempt
    return env


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    report: ProgramReport | None = None,
    stdin: str | None = None,
    hold_stdin: bool = False,
    capture: bool = False,
    timeout: float | None = None,
    attempt: str = "",
    on_line: Callable[[str], None] | None = None,
) -> CompletedProgram:
    """Runs a program to its end and gives its exit code and output.

    Lines of both outputs go to ``report.log`` as they come; with ``capture`` the standard output is kept
    whole instead. ``on_line`` takes the lines in place of ``report.log``, whole up to 1 MB. ``stdin`` is text
    for its standard input (default: empty); with ``hold_stdin`` it is a pipe without content that closes when
    the program is ended or this process dies. After ``timeout`` seconds, and on any exception, all that the
    program started is ended before this returns. Raises `Problem` for a missing program and a passed timeout.
    """
    words = [os.fspath(word) for word in argv]
    attempt, mark = attempt or getattr(report, "attempt", "") or os.environ.get(ATTEMPT, ""), uuid.uuid4().hex
    full_env = {**build_environment(env, attempt=attempt), RUN: mark}
    words[0] = find_program(words[0], cwd=cwd, path=full_env.get("PATH", os.defpath))
    started = time.monotonic()
    tree = ProcessTree(mark)
    try:
        with contextlib.nullcontext(subprocess.PIPE) if hold_stdin else _input(stdin) as source:
            tree.process = process = _start(words, full_env, cwd, source)
        output = ProgramOutput(process, OutputLines(mark, report, on_line), capture=capture)
        with contextlib.closing(output), process.stdin or contextlib.nullcontext():
            output.follow(_checker(report, timeout, words[0]))
    except BaseException:
        tree.end(GRACE)
        raise
    tell = on_line or (report.log if report else lambda line: None)
    if left := tree.end(0.0):
        tell(f"{left} process(es) that {Path(words[0]).name} left running were ended.")
    seconds = time.monotonic() - started
    return CompletedProgram(words, process.returncode, output.out.text(), output.err.text(), seconds=seconds)


def _input(text: str | None) -> IO[bytes]:
    """A file for standard input. A pipe could deadlock with a program that does not read it."""
    if text is None:
        return Path(os.devnull).open("rb")
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    file.write(text.encode())
    file.seek(0)
    return file


def _start(
    words: list[str], env: dict[str, str], cwd: str | Path | None, source: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    return start_program(
        words,
        env=env,
        cwd=cwd,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _checker(report: ProgramReport | None, timeout: float | None, program: str) -> Callable[[], None]:
    until = None if timeout is None else time.monotonic() + timeout

    def check() -> None:
        if report is not None:
            report.raise_if_cancelled()
        if until is not None and time.monotonic() > until:
            raise Problem(
                f"{Path(program).name} did not finish within {timeout:g} s.",
                means="It and everything that it had started were ended.",
                next="Read the log for where it stood still; try again when the cause is gone.",
            )

    return check
