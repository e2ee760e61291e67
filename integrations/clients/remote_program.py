"""Runs a program on another host to its end, and knows how far it came when the connection breaks.

The script around the program writes two lines of its own to standard error: one before it starts the
program, one with its exit code. The exit code of ssh says less: 255 is a connection that broke, and also a
program that ended with 255.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from integrations import programs
from integrations.clients import ssh
from integrations.clients.ssh import SshHost
from integrations.errors import Problem
from integrations.program_output import ProgramReport
from integrations.programs import CompletedProgram

START = 60.0  # seconds until the program has to have been started: name service, login and profile
LOOK = "Look on that host whether it still runs, and what it did, before you start it again."


class _MarkedReport:
    """Takes the lines that ssh prints, keeps those of the script to itself and passes the others on."""

    def __init__(self, host: SshHost, report: ProgramReport | None) -> None:
        self.mark = f"cutover-{uuid.uuid4().hex}"
        self.has_started = False
        self.code: int | None = None  # with which the program ended
        self.attempt = str(getattr(report, "attempt", ""))
        self._host, self._report, self._until = host, report, time.monotonic() + START
        self._own_line = re.compile(rf"{self.mark} (?:started|ended (?P<code>\d+))(?:\n|\Z)")

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Passes a line on; of one that a line of the script follows, the part before."""
        found = self._take(line)
        shown = line[: found.start()] if found else line
        if self._report and (shown or not found):
            self._report.log(shown, stream=stream, more=more)

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop, or when the host has not started the program in time."""
        if self._report:
            self._report.raise_if_cancelled()
        if not self.has_started and time.monotonic() > self._until:
            raise Problem(
                f"{self._host.name} did not start the program within {START:.0f} s.",
                means="The connection hangs, and was closed. Whether it was started there is not known.",
                next=LOOK,
            )

    def strip_own_lines(self, said: str) -> str:
        """Standard error without the lines of the script."""
        self._take(said)  # in the log, a line of the script may be torn after a very long one
        return self._own_line.sub("", said)

    def _take(self, text: str) -> re.Match[str] | None:
        """Notes what lines of the script tell; gives the last of them."""
        last = None
        for last in self._own_line.finditer(text):
            self.has_started = True
            self.code = self.code if last["code"] is None else int(last["code"])
        return last


def run_remote(
    host: SshHost,
    words: Sequence[str],
    *,
    report: ProgramReport | None = None,
    capture: bool = False,
    timeout: float | None = None,
    attempt: str = "",
) -> CompletedProgram:
    """Runs the words there; the result is that of the program, whatever code it ended with.

    See `programs.run` for the options. Raises `Problem` when there is no connection, when it breaks or
    hangs, and when something else than the program answered; it says whether the program was started.
    """
    marked = _MarkedReport(host, report)
    done = programs.run(
        host.command(words, mark=marked.mark),
        report=marked,
        hold_stdin=True,
        capture=capture,
        timeout=timeout,
        attempt=attempt,
    )
    done = replace(done, stderr=marked.strip_own_lines(done.stderr))
    if marked.code is None or marked.code != done.code:
        raise _explain_break(host, done, marked)
    return done


def _explain_break(host: SshHost, done: CompletedProgram, marked: _MarkedReport) -> Problem:
    """The error for an end that is not the program's."""
    reason, code = ssh.last_line(done.stderr), marked.code
    if code is not None:
        return Problem(
            f"The ssh connection to {host.name} broke after the program had ended there with code {code}.",
            means=f"{reason} The end of its output may be missing.",
            next="Read the output in the log: what the program did is done. Look on the host before you "
            "start it again.",
        )
    if marked.has_started:
        return Problem(
            f"The ssh connection to {host.name} broke while the program ran there, or its shell was killed.",
            means=f"{reason} The host ends the program when it notices; until then it goes on. It may also "
            "have finished.",
            next=LOOK,
        )
    if done.code != ssh.FAILED:
        return Problem(
            f"{host.name} did not run the program: something else ended with code {done.code}.",
            means=f"{reason} Its account has another login shell, or a command that always runs instead.",
            next="Give the account a shell like /bin/sh, and no ForceCommand= or command= for the worker.",
        )
    return ssh.explain_failure(host, done.stderr)
