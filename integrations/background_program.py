"""Runs a program while a block of code needs it, and ends it with everything that it started."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integrations.processes import RUN, ProcessTree
from integrations.program_start import start_program
from integrations.programs import GRACE, build_environment, find_program


@dataclass(frozen=True)
class BackgroundProgram:
    """A program that runs; ``log`` is the file with all of its output."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def exit_code(self) -> int | None:
        """Its exit code once it has ended; None while it runs."""
        return self.process.poll()

    def last_lines(self, count: int) -> list[str]:
        """The last lines of its output that are not empty."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip()][-count:]


@contextmanager
def run_in_background(
    argv: Sequence[str], *, env: Mapping[str, str], log: Path, attempt: str = "", cwd: str | None = None
) -> Iterator[BackgroundProgram]:
    """Starts the program; when the block ends, however it does, the program is ended.

    Raises `Problem` for a program that is missing.
    """
    mark = uuid.uuid4().hex
    full_env = {**build_environment(env, attempt=attempt), RUN: mark}
    words = [find_program(argv[0], cwd=cwd, path=full_env.get("PATH")), *argv[1:]]
    log.touch(0o600)
    tree = ProcessTree(mark)
    with log.open("wb") as output:
        tree.process = start_program(
            words,
            env=full_env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield BackgroundProgram(tree.process, log)
    finally:
        tree.end(GRACE)
