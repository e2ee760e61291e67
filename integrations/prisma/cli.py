"""Runs the Prisma CLI of a project: versions 6 and 7, with native engines or with a driver adapter."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tempfile
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from integrations import programs
from integrations.clients import postgres
from integrations.clients.prisma_errors import ESCAPES, explain
from integrations.errors import Problem
from integrations.systems import System

#: Variables of the worker that Prisma or pnpm may need; everything else stays outside.
PASSED_ON = (
    "PRISMA_SCHEMA_ENGINE_BINARY",
    "PRISMA_QUERY_ENGINE_LIBRARY",
    "PRISMA_ENGINES_MIRROR",
    "NODE_EXTRA_CA_CERTS",
    "PNPM_HOME",
    "COREPACK_HOME",
)
VERSION = re.compile(r"^prisma\s*:\s*(\d+)\.(\d+)\.(\d+\S*)", re.MULTILINE)
SCHEMA_START = re.compile(r"^(generator|datasource)\s", re.MULTILINE)
LONGEST_CALL = 25 * 60.0  # seconds; the attempt's deadline is mostly shorter
POOLER_PORT = 6432


class Prisma:
    """One Prisma project against one database, for one attempt.

    Commands are argument lists from the setting ``command``, a command line such as
    ``pnpm --filter @covenant-connect/backend prisma``. The database address travels in the
    environment, never on the command line, and names its sessions ``cutover:<attempt>``.
    ``database`` replaces the address of the system (the rehearsal works on a copy).
    """

    def __init__(
        self,
        system: System,
        *,
        attempt: str = "",
        report: programs.Listener | None = None,
        database: str = "",
    ) -> None:
        self.system, self.attempt, self.report = system, attempt, report
        self.url = database or system["database"]
        self.project = Path(system["project"]).expanduser().absolute()
        self.schema = self.project / system.get("schema", "prisma/schema.prisma")
        self.way = system.get("diff", "native")
        refuse_pooler(self.url)

    @property
    def where(self) -> str:
        """Host, port and name of the database, without secrets."""
        return postgres.address(self.url)

    @property
    def resource(self) -> str:
        """What two attempts must never change at once."""
        return f"db:{self.where}:schema"

    @property
    def migrations(self) -> Path:
        """The folder of the project's migrations."""
        return (self.schema if self.schema.is_dir() else self.schema.parent) / "migrations"

    @property
    def command(self) -> list[str]:
        """The words that start the CLI."""
        words = shlex.split(self.system["command"])
        if not words:
            raise Problem(
                f"The system “{self.system.name}” has an empty command.",
                next="Set it to the Prisma command line, e.g. node_modules/.bin/prisma.",
            )
        return words

    def shown(self, *arguments: str) -> str:
        """The command as a person would type it, with the database named but not its secrets."""
        return shlex.join([*self.command, *arguments])

    def environment(self) -> dict[str, str]:
        """The variables that the CLI sees beside the allow-list: address, names, no shadow, no call home."""
        env = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
        env |= {"DATABASE_URL": self._tagged_url(), "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1", "CI": "1"}
        env |= {"PRISMA_HIDE_UPDATE_MESSAGE": "1", "PGAPPNAME": self.application_name}
        if self.system.get("shadow"):
            env["SHADOW_DATABASE_URL"] = self.system["shadow"]
        if self.way == "adapter":
            # Any existing file keeps Prisma from downloading engines that an adapter never uses.
            dummy = str(self.project / "package.json")
            env.setdefault("PRISMA_SCHEMA_ENGINE_BINARY", dummy)
            env.setdefault("PRISMA_QUERY_ENGINE_LIBRARY", dummy)
        return env

    @property
    def application_name(self) -> str:
        """The name of our sessions in ``pg_stat_activity``."""
        return f"cutover:{self.attempt}" if self.attempt else "cutover"

    def _tagged_url(self) -> str:
        parts = urlsplit(self.url)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked["application_name"] = self.application_name
        # A server that looks for its client ends the statement of one that was killed.
        check = f"-c client_connection_check_interval={postgres.CHECK_INTERVAL}"
        asked["options"] = f"{asked.get('options', '')} {check}".strip()
        return urlunsplit(parts._replace(query=urlencode(asked, quote_via=quote)))

    @cached_property
    def version(self) -> tuple[int, str]:
        """Major number and whole version, e.g. ``(6, "6.19.3")``; asked once. Raises `Problem`."""
        done = self._start(["--version"], capture=True)
        found = VERSION.search(ESCAPES.sub("", done.stdout))
        if found is None:  # its exit code means nothing: with an adapter it is 1 although it answers
            raise self._problem(done, "--version")
        return int(found[1]), ".".join(found.groups())

    def run(self, *arguments: str, capture: bool = False) -> programs.Finished:
        """Runs one command to its successful end; raises `Problem` in words for any other."""
        done = self._start(list(arguments), capture=capture)
        if not done.ok:
            raise self._problem(done, *arguments)
        return done

    def try_run(self, *arguments: str) -> programs.Finished:
        """Runs one command whose exit code is an answer, not an error (``migrate status``)."""
        return self._start(list(arguments), capture=False)

    def _start(self, arguments: list[str], *, capture: bool) -> programs.Finished:
        self.check_project()
        return programs.run(
            [*self.command, *arguments],
            env=self.environment(),
            cwd=self.project,
            report=self.report,
            capture=capture,
            timeout=LONGEST_CALL,
        )

    def check_project(self) -> None:
        """Raises `Problem` when project, schema or Node.js is missing; changes nothing."""
        if not self.project.is_dir():
            raise Problem(
                f"The Prisma project {self.project} is not there.",
                means="The worker sees no such folder. Nothing was started.",
                next=f"Check out the project, or correct project: of the system “{self.system.name}”.",
            )
        if not self.schema.exists():
            raise Problem(
                f"The Prisma project has no {self.schema.relative_to(self.project)}.",
                means="Prisma cannot know what the database should look like. Nothing was started.",
                next=f"Correct schema: of the system “{self.system.name}”.",
            )
        programs.find("node")
        programs.find(self.command[0], cwd=self.project)

    def _problem(self, done: programs.Finished, *arguments: str) -> Problem:
        text = self.masked(f"{done.stdout}\n{done.stderr}")
        return explain(text, command=shlex.join(["prisma", *arguments]), exit_code=done.code, way=self.way)

    def masked(self, text: str) -> str:
        """The text without the passwords of the database addresses."""
        for secret in self.secrets:
            text = text.replace(secret, "•••")
        return text

    @property
    def secrets(self) -> list[str]:
        """What must never be shown: the passwords in the addresses, as written and as decoded."""
        found = set()
        for url in filter(None, (self.url, self.system.get("shadow"))):
            found |= {postgres.settings(url).get("password", ""), urlsplit(url).password or ""}
        return sorted(found - {""}, key=len, reverse=True)

    def schema_digest(self) -> str:
        """SHA-256 of the schema file, or of all ``.prisma`` files of a schema folder."""
        files = sorted(self.schema.rglob("*.prisma")) if self.schema.is_dir() else [self.schema]
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()

    def diff(self) -> str:
        """The SQL that would make the live database what the schema says; empty when it is that.

        Reads only. ``diff: native`` compares the database itself, ``diff: adapter`` a description
        that ``db pull`` prints of it.
        """
        with tempfile.TemporaryDirectory(prefix="cutover-diff-") as folder:
            source = self._source(Path(folder))
            to = "--to-schema" if self.version[0] >= 7 else "--to-schema-datamodel"
            script = Path(folder, "diff.sql")
            self.run("migrate", "diff", *source, to, str(self.schema), "--script", "--output", str(script))
            sql = script.read_text()
        return "" if is_empty(sql) else sql

    def diff_commands(self) -> list[str]:
        """The commands of `diff` as a person would type them, in the flags of Prisma 6."""
        to = ["--to-schema-datamodel", str(self.schema), "--script"]
        if self.way == "native":
            source = self._native_source(shown=True)
            return [self.shown("migrate", "diff", *source, *to).replace("'$DATABASE_URL'", '"$DATABASE_URL"')]
        described = ["migrate", "diff", "--from-schema-datamodel", "live.prisma", *to]
        return [f"{self.shown('db', 'pull', '--print')} > live.prisma", self.shown(*described)]

    def _source(self, folder: Path) -> list[str]:
        seven = self.version[0] >= 7
        if self.way == "adapter":
            described = folder / "live.prisma"
            described.write_text(self._pull())
            return ["--from-schema" if seven else "--from-schema-datamodel", str(described)]
        return ["--from-config-datasource"] if seven else self._native_source()

    def _native_source(self, *, shown: bool = False) -> list[str]:
        """Prisma 6's flags for the live database.

        ``--from-url`` would show the password to everyone who may run ``ps`` on the worker's host. Where the
        schema takes its address from DATABASE_URL, ``--from-schema-datasource`` says the same without it.
        """
        if re.search(r'\burl\s*=\s*env\("DATABASE_URL"\)', self._head()):
            return ["--from-schema-datasource", str(self.schema)]
        return ["--from-url", "$DATABASE_URL" if shown else self.url]

    def _pull(self) -> str:
        """The live database as a Prisma schema, without what the CLI prints before it."""
        if postgres_is_empty(self.url, self.attempt):
            return self._head()  # ``db pull`` refuses a database without tables (P4001)
        printed = ESCAPES.sub("", self.run("db", "pull", "--print", capture=True).stdout)
        start = SCHEMA_START.search(printed)
        if start is None:
            raise Problem(
                "Prisma printed no schema of the live database.",
                means="The comparison with the datamodel was not made. Nothing was changed.",
                next="Read the log of this attempt; the command was: prisma db pull --print.",
            )
        return printed[start.start() :]

    def _head(self) -> str:
        """Generators and datasource of the schema, without its models."""
        files = sorted(self.schema.rglob("*.prisma")) if self.schema.is_dir() else [self.schema]
        text = "\n".join(file.read_text() for file in files)
        return "\n".join(re.findall(r"^(?:generator|datasource)\s+\w+\s*\{.*?^\}", text, re.M | re.S))


def postgres_is_empty(url: str, attempt: str) -> bool:
    """Whether the database has no table of its own."""
    with postgres.connect(url, attempt=attempt, readonly=True) as conn:
        row = conn.execute(
            "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) "
            "AND tablename <> '_prisma_migrations')"
        ).fetchone()
    return not (row and row[0])


def replace_database(url: str, database: str) -> str:
    """The URL of another database on the same server, as a URL (Prisma reads no other form)."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def is_empty(sql: str) -> bool:
    """Whether a script has no statement: blank, or only comments (“-- This is an empty migration.”)."""
    return not re.sub(r"--[^\n]*", "", sql).strip()


def refuse_pooler(url: str) -> None:
    """Raises `Problem` for the address of a pooler: Prisma's lock and its sessions mean nothing there."""
    known = postgres.settings(url)
    host, port = known.get("host", ""), known.get("port", "")
    if "-pooler" in host or port == str(POOLER_PORT):
        raise Problem(
            f"{postgres.address(url)} is the address of a connection pooler.",
            means="Prisma's migration lock belongs to a session, and a pooler shares sessions: "
            "two deploys could run at once. Nothing was started.",
            next="Give this system the direct address of the PostgreSQL server.",
        )
