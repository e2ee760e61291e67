"""An API that the panel starts itself, on the copy of a rehearsal: a system of kind ``api_process``.

Its settings are those of a file, as the API of production receives them, except the address of the database,
the port, and what the runbook gives under ``variables:``.
"""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

from integrations.address_secrets import list_address_secrets
from integrations.background_program import BackgroundProgram, run_in_background
from integrations.clients import http, postgres
from integrations.clients.http import Response
from integrations.environment.env_file import read_settings
from integrations.errors import Problem, Unreachable
from integrations.program_logs import find_cause
from integrations.program_output import ProgramReport
from integrations.runbook_commands import format_command, read_command
from integrations.systems import System

START_TIMEOUT = 90.0  # seconds until it answers
SESSION_TIMEOUT = 10.0  # seconds until PostgreSQL has counted its first session
POLL = 0.2
QUOTED_LINES = 40
#: Sessions in a database since its statistics began, ended ones too (PostgreSQL 14 and later).
COUNT_SESSIONS = "SELECT to_jsonb(s) ->> 'sessions' FROM pg_stat_database s WHERE datname = %s"


@dataclass(frozen=True)
class ApiProcess:
    """The system and the database that its API is led to. ``server`` is where that database is counted."""

    system: System
    database: str
    server: str

    @property
    def stands_for(self) -> str:
        """The name of the system that items mean: the API of production."""
        return self.system["stands_for"]

    @property
    def is_configured(self) -> bool:
        """Whether this installation has a command for it."""
        return bool(self.system["command"].strip())

    @cached_property
    def port(self) -> int:
        """A free port of this machine."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def read_settings(self) -> dict[str, str]:
        """The settings of production's API from its file; empty without one. Raises `Problem`."""
        path = self.system.get("settings")
        return read_settings(Path(path)) if path else {}

    def list_changes(self) -> dict[str, str]:
        """The settings that differ from production's: the database, the port, and the runbook's own."""
        words = shlex.split(self.system.get("variables"))
        own = dict(word.partition("=")[::2] for word in words)
        return {**own, self.system["database"]: self.database, self.system["port"]: str(self.port)}

    def list_secrets(self) -> list[str]:
        """The values that the API gets, except those that the runbook calls ``public``. Of an address, login
        and query are secret."""
        public = {*self.system.get("public").split(), self.system["port"]}
        values = {**self.read_settings(), **self.list_changes()}
        secret = [value for name, value in values.items() if value and name not in public]
        return [part for value in secret for part in _secret_parts(value)]

    @contextmanager
    def run(self, report: ProgramReport, *, attempt: str, folder: Path) -> Iterator[str]:
        """Starts the API, waits until it answers and uses the database, and yields its address.

        It is ended with the block. Raises `Problem` when it ends, does not answer, or uses another database.
        """
        command = read_command(self.system, "command")
        report.log(f"$ {format_command(command)}")
        before = self._count_sessions()
        tagged = {self.system["database"]: _name_sessions(self.database, attempt)}
        env = {**self.read_settings(), **self.list_changes(), **tagged}
        log = folder / f"{self.system.name}.log"
        with run_in_background(command, env=env, log=log, attempt=attempt) as program:
            answer = self._wait_for_answer(program, report)
            report.log(f"{self.system.name} answers at {self.url}: {answer.status}")
            self._refuse_other_database(before)
            yield self.url

    def _wait_for_answer(self, program: BackgroundProgram, report: ProgramReport) -> Response:
        until = time.monotonic() + START_TIMEOUT
        while True:
            report.raise_if_cancelled()
            if program.exit_code is not None:
                raise _explain_end(self.system.name, program)
            try:
                return http.request(self.url, self.system.get("ready", "/"))
            except Unreachable as error:
                if time.monotonic() > until:
                    raise _explain_silence(self.system.name, program, error) from None
            time.sleep(POLL)

    def _refuse_other_database(self, before: int | None) -> None:
        """Raises `Problem` unless somebody has connected to the database since ``before`` was counted."""
        until = time.monotonic() + SESSION_TIMEOUT
        while before is not None and (self._count_sessions() or 0) <= before:
            if time.monotonic() > until:
                raise Problem(
                    f"{self.system.name} answers, and never connected to {postgres.address(self.database)}.",
                    means="It uses another database, so nothing was asked of it; or its path ready: reads no "
                    "database.",
                    next=f"See that its command leaves the variable {self.system['database']} as the panel "
                    "sets it, and name a path under ready: that reads the database.",
                )
            time.sleep(POLL)

    def _count_sessions(self) -> int | None:
        """Sessions so far; None where PostgreSQL is too old to count them."""
        name = postgres.connection_settings(self.database)["dbname"]
        with postgres.connect(self.server, readonly=True) as admin:
            row = admin.execute(COUNT_SESSIONS, [name]).fetchone()
        return int(row[0]) if row and row[0] is not None else None


def _secret_parts(value: str) -> list[str]:
    return list(filter(None, list_address_secrets(value))) if "://" in value else [value]


def _name_sessions(url: str, attempt: str) -> str:
    """The address with the name of the attempt for its sessions, so that a probe finds them."""
    name = quote(f"cutover:{attempt}", safe="")
    return f"{url}{'&' if urlsplit(url).query else '?'}application_name={name}"


def _explain_end(name: str, program: BackgroundProgram) -> Problem:
    return Problem(
        f"{name} ended at its start with exit code {program.exit_code}.{_quote(program)}",
        means="The API of production is the same program and would most likely end, too.",
        next="Read its last lines, correct their cause, then start this item again.",
    )


def _explain_silence(name: str, program: BackgroundProgram, error: Unreachable) -> Problem:
    return Problem(
        f"{name} runs, and does not answer within {START_TIMEOUT:g} s.{_quote(program)}",
        means=f"{error.what} Nothing was asked of it.",
        next="See that it listens on 127.0.0.1, on the port that the panel gives it (port: of the system).",
    )


def _quote(program: BackgroundProgram) -> str:
    cause = find_cause(program.last_lines(QUOTED_LINES))
    return f" It said: {cause}" if cause else " Its log has no line."
