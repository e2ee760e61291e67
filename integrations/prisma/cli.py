"""Runs the Prisma CLI of a project: versions 6 and 7, with native engines or with a driver adapter."""

from __future__ import annotations

import re
import shlex
import tempfile
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from integrations import programs
from integrations.clients import postgres
from integrations.clients.program_locks import WatchedReport
from integrations.clients.watched_connection import LockReport
from integrations.errors import Problem
from integrations.prisma.cli_environment import CliEnvironment
from integrations.prisma.cli_locks import explain_timeout, watch_cli
from integrations.prisma.cli_target import find_cli_target, refuse_other_target
from integrations.prisma.diff_script import read_script
from integrations.prisma.errors import ESCAPES, explain_failure
from integrations.prisma.installed_packages import parse_version, read_version_of_program
from integrations.prisma.project_copy import list_copy_options
from integrations.prisma.project_files import ProjectFiles
from integrations.prisma.session_proof import hold_session_proof
from integrations.runbook_commands import RunbookCommand, format_command, read_command
from integrations.sql_review.parser import SqlSyntaxError, parse_script
from integrations.systems import System

SCHEMA_START = re.compile(r"^(generator|datasource)\s", re.MULTILINE)
COMMAND_TIMEOUT = 25 * 60.0  # seconds; the deadline of the attempt is usually shorter
POOLER_PORT = 6432
DEFAULT_SCHEMA = "prisma/schema.prisma"
#: The setting that only a rehearsal adds to a system: the folder of a private copy of the project.
COPY = "copy"
#: The groups of commands that connect to the database.
CONNECTING = ("migrate", "db")

#: Attempt, address and schema of every target that this process has checked. A process serves one attempt.
_checked_targets: set[tuple[str, str, str]] = set()
_versions: dict[tuple[str, ...], tuple[int, str]] = {}  # by attempt, folder and command


class Prisma:
    """One Prisma project against one database, for one attempt.

    Commands are argument lists from the setting ``command``, a command line such as
    ``pnpm --filter @shop/backend prisma``. The database address travels in the
    environment, never on the command line, and names its sessions ``cutover:<attempt>``.
    """

    def __init__(
        self,
        system: System,
        *,
        attempt: str = "",
        report: LockReport | None = None,
    ) -> None:
        self.system, self.attempt, self.report = system, attempt, report
        self._locks: WatchedReport | None = None  # of the latest command that connects
        self.url = system["database"]
        self.project = Path(system["project"]).expanduser().absolute()
        #: where schema and migrations are: the project, or in a rehearsal its private copy
        self.folder = Path(system.get(COPY, str(self.project)))
        self.schema = self.folder / system.get("schema", DEFAULT_SCHEMA)
        self.files = ProjectFiles(self.folder, self.schema)
        self.engine = system.get("diff", "native")  # or “adapter”: a driver adapter in the Prisma project
        self.environment = CliEnvironment(self.files, self.url, system.get("shadow"), attempt)
        refuse_pooler(self.url)

    @property
    def where(self) -> str:
        """Host, port and name of the database, without secrets."""
        return postgres.address(self.url)

    @property
    def resource(self) -> str:
        """The resource that only one attempt at a time may hold."""
        return f"db:{self.where}:schema"

    @property
    def migrations(self) -> Path:
        """The folder of the project's migrations."""
        return self.files.migrations

    @property
    def command(self) -> RunbookCommand:
        """The words that start the CLI. Raises `Problem` when the installation does not allow its program."""
        return read_command(self.system, "command", folder=str(self.project))

    def build_environment(self) -> dict[str, str]:
        """Returns the variables for the CLI beside the allow-list, with the address of the database."""
        return self.environment.build(without_engines=self.engine == "adapter")

    def format_command(self, *arguments: str) -> str:
        """Returns the command as a person would type it, without secrets."""
        return format_command(self.command.and_then(*arguments))

    @cached_property
    def version(self) -> tuple[int, str]:
        """Major number and whole version, e.g. ``(6, "6.19.3")``; read once an attempt. Raises `Problem`."""
        asked = (self.attempt, str(self.project), *self.command)
        if not self.attempt or asked not in _versions:
            _versions[asked] = self._read_version()
        return _versions[asked]

    def _read_version(self) -> tuple[int, str]:
        self.check_project()
        program = programs.find_program(self.command[0], cwd=self.project)
        if known := read_version_of_program(program):
            return known  # starting it takes a second
        done = self._run_program(["--version"], capture=True)
        found = parse_version(ESCAPES.sub("", done.stdout))
        # The exit code means nothing here: with an adapter it is 1 although the version is printed.
        if found is None:
            raise self._explain(done, "--version")
        return found

    def run(self, *arguments: str, capture: bool = False) -> programs.CompletedProgram:
        """Runs one command. Raises the explained `Problem` when it fails."""
        done = self._run_program(list(arguments), capture=capture)
        if not done.ok:
            raise self._explain(done, *arguments)
        return done

    def try_run(self, *arguments: str) -> programs.CompletedProgram:
        """Runs one command whose exit code is a result, not an error (``migrate status``)."""
        return self._run_program(list(arguments), capture=False)

    def _run_program(self, arguments: list[str], *, capture: bool) -> programs.CompletedProgram:
        self.check_project()
        if arguments[0] in CONNECTING:
            self.check_target()
        return self._start(arguments, capture=capture)

    def _start(
        self, arguments: list[str], *, capture: bool = False, stdin: str | None = None, quiet: bool = False
    ) -> programs.CompletedProgram:
        watched = self.report if arguments[0] in CONNECTING else None
        with watch_cli(self.url, self.environment.application_name, watched) as self._locks:
            return programs.run(
                [*self.command, *arguments, *self._copy_options(arguments)],
                env=self.build_environment(),
                cwd=self.project,
                report=self._locks or self.report,
                capture=capture,
                timeout=COMMAND_TIMEOUT,
                stdin=stdin,
                on_line=(lambda line: None) if quiet else None,
            )

    def _copy_options(self, arguments: list[str]) -> list[str]:
        return list_copy_options(self.files, arguments) if self.folder != self.project else []

    def check_target(self) -> None:
        """Raises `Problem` unless the CLI works in the database of this system. Changes nothing.

        An attempt does this once, before the first command that connects.
        """
        target = (self.attempt, self.url, str(self.schema))
        if self.attempt and target in _checked_targets:
            return
        for each in self.files.addresses:
            each.refuse_unknown_source()
        if self.engine == "adapter":
            self._prove_session()
        else:
            self._compare_datasource()
        _checked_targets.add(target)

    def _prove_session(self) -> None:
        with hold_session_proof(self.url, self.attempt) as proof:
            command = ["db", "execute", "--schema", str(self.schema), "--stdin"]
            done = self._start(command, stdin=proof.statement, quiet=True)
            output = f"{done.stdout}\n{done.stderr}"
            if not proof.is_answered(output):
                raise self._explain(done, *command[:2])
            proof.refuse_other_database(output, config=self.files.config_name)
            proof.refuse_endless_waits(output, config=self.files.config_name)

    def _compare_datasource(self) -> None:
        done = self._start(["migrate", "status"])
        found = find_cli_target(ESCAPES.sub("", f"{done.stdout}\n{done.stderr}"))
        if found is None:
            raise self._explain(done, "migrate", "status")
        refuse_other_target(found, self.url, self.environment.address_variables)

    def check_project(self) -> None:
        """Raises `Problem` when project, schema or Node.js is missing; changes nothing."""
        self.files.check(self.system.name)
        programs.find_program("node")
        programs.find_program(self.command[0], cwd=self.project)

    def _explain(self, done: programs.CompletedProgram, *arguments: str) -> Problem:
        text = self.mask(f"{done.stdout}\n{done.stderr}")
        problem = explain_failure(
            text, command=shlex.join(["prisma", *arguments]), exit_code=done.code, engine=self.engine
        )
        return explain_timeout(problem, text, self.url, self._locks)

    def mask(self, text: str) -> str:
        """Returns the text without the passwords of the database addresses."""
        for secret in self.secrets:
            text = text.replace(secret, "•••")
        return text

    @property
    def secrets(self) -> list[str]:
        """The passwords in the addresses, as written and as decoded: never to be shown."""
        found = set()
        for url in filter(None, (self.url, self.system.get("shadow"))):
            found |= {postgres.connection_settings(url).get("password", ""), urlsplit(url).password or ""}
        return sorted(found - {""}, key=len, reverse=True)

    def hash_schema(self) -> str:
        """Returns the SHA-256 of the schema file, or of all ``.prisma`` files of a schema folder."""
        return self.files.hash_schema()

    def diff(self) -> str:
        """Returns the SQL that would make the live database what the schema says; empty when it is.

        Reads only. The native engine compares the database itself; with an adapter Prisma compares the schema
        that ``db pull`` prints of the database.
        """
        with tempfile.TemporaryDirectory(prefix="cutover-diff-") as folder:
            source = self._diff_source(Path(folder))
            to = "--to-schema" if self.version[0] >= 7 else "--to-schema-datamodel"
            script = Path(folder, "diff.sql")
            self.run("migrate", "diff", *source, to, str(self.schema), "--script", "--output", str(script))
            sql = read_script(script)
        return "" if is_empty_script(sql) else sql

    def list_diff_commands(self) -> list[str]:
        """Returns the commands of `diff` as a person would type them, with the flags of Prisma 6."""
        to = ["--to-schema-datamodel", str(self.schema), "--script"]
        if self.engine == "native":
            return [self.format_command("migrate", "diff", *self._native_source(), *to)]
        described = ["migrate", "diff", "--from-schema-datamodel", "live.prisma", *to]
        return [
            f"{self.format_command('db', 'pull', '--print')} > live.prisma",
            self.format_command(*described),
        ]

    def _diff_source(self, folder: Path) -> list[str]:
        seven = self.version[0] >= 7
        if self.engine == "adapter":
            described = folder / "live.prisma"
            described.write_text(self._pull_schema())
            return ["--from-schema" if seven else "--from-schema-datamodel", str(described)]
        return ["--from-config-datasource"] if seven else self._native_source()

    def _native_source(self) -> list[str]:
        """Returns Prisma 6's flags for the live database. ``--from-url`` would show the password to everyone
        who may run `ps` on the worker's host."""
        return ["--from-schema-datasource", str(self.schema)]

    def _pull_schema(self) -> str:
        """Returns the live database as a Prisma schema, without what the CLI prints before it."""
        if is_database_empty(self.url, self.attempt):
            return self.files.read_head()  # ``db pull`` refuses a database without tables (P4001)
        printed = ESCAPES.sub("", self.run("db", "pull", "--print", capture=True).stdout)
        start = SCHEMA_START.search(printed)
        if start is None:
            raise Problem(
                "Prisma printed no schema of the live database.",
                means="The comparison with the datamodel was not made. Nothing was changed.",
                next="Read the log of this attempt; the command was: prisma db pull --print.",
            )
        return printed[start.start() :]


def is_database_empty(url: str, attempt: str) -> bool:
    """Whether the database has no table of its own."""
    with postgres.connect(url, attempt=attempt, readonly=True) as conn:
        row = conn.execute(
            "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) "
            "AND tablename <> '_prisma_migrations')"
        ).fetchone()
    return not (row and row[0])


def is_empty_script(sql: str) -> bool:
    """Whether a script has no statement: blank, or only comments (“-- This is an empty migration.”)."""
    try:
        return not parse_script(sql)
    except SqlSyntaxError:
        return False


def refuse_pooler(url: str) -> None:
    """Raises `Problem` for the address of a pooler."""
    settings = postgres.connection_settings(url)
    host, port = settings.get("host", ""), settings.get("port", "")
    if "-pooler" in host or port == str(POOLER_PORT):
        raise Problem(
            f"{postgres.address(url)} is the address of a connection pooler.",
            means="Prisma's migration lock belongs to a session, and a pooler shares sessions: "
            "two deploys could run at once. Nothing was started.",
            next="Give this system the direct address of the PostgreSQL server.",
        )
