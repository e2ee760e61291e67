"""Restores a backup into an empty database, and compares what came back with the backup's fingerprint."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrations import programs
from integrations.clients import fingerprint, pgtools, postgres
from integrations.clients.archive import Archive
from integrations.systems import System

RESTORING = re.compile(r'processing data for table "(.+)"')


class Report(Protocol):
    """What is told and asked while it runs; a report of an action is one."""

    def log(self, line: str) -> None: ...
    def progress(self, done: float, total: float, what: str = "") -> None: ...
    def raise_if_cancelled(self) -> None: ...


@dataclass
class Restored:
    """What a restore showed: problems in words (none: the copy is equal), and measured seconds."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None
    digest: str = ""
    tables: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Target:
    """The database to restore into: its address, its server's major version, the system it belongs to."""

    url: str
    major: int
    system: System
    attempt: str


def restore(
    archive: Archive,
    manifest: Mapping[str, Any],
    target: Target,
    report: Report,
    *,
    jobs: int = 2,
    options: Sequence[str] = (),
) -> Restored:
    """pg_restore with ``options``, then every table against the manifest's fingerprint; a bad end is told
    in ``problems``. Raises what programs and connections raise."""
    total = 2 * max(1, len(manifest["fingerprint"]["tables"]))
    seen = 0

    def line(text: str) -> None:
        nonlocal seen
        report.log(text)
        found = RESTORING.search(text)
        if found:
            report.progress(seen, total, f"restoring {found[1]}")
            seen += 1

    env = pgtools.program_environment(target.url, target.attempt)
    command = [*_command(manifest, target, options), f"--jobs={jobs}", str(archive.dump)]
    started = time.monotonic()
    done = programs.run(command, env=env, report=report, attempt=target.attempt, on_line=line)
    result = Restored(seconds=round(time.monotonic() - started, 3))
    if not done.ok:
        said = [text for text in done.stderr.splitlines() if "error:" in text]
        reason = " ".join(said[-2:]) or "it gave no reason"
        result.problems.append(f"pg_restore ended with code {done.code}: {reason}")
        return result
    _compare(result, manifest, target, report)
    return result


def _command(manifest: Mapping[str, Any], target: Target, options: Sequence[str]) -> list[str]:
    known = postgres.settings(target.url)
    tools = pgtools.choose(
        target.major,
        configured=target.system.get("bin"),
        sslmode=known.get("sslmode", ""),
        archive=int(manifest["pg_dump_major"]),
    )
    fixed = ["--exit-on-error", "--no-password", "--verbose", f"--dbname={known['dbname']}"]
    return [str(tools.restore), *fixed, *options]


def _compare(result: Restored, manifest: Mapping[str, Any], target: Target, report: Report) -> None:
    source = manifest["fingerprint"]

    def tell(name: str, done: int, total: int) -> None:
        report.raise_if_cancelled()
        report.progress(total + done, 2 * total, f"comparing {name}")

    with postgres.connect(target.url, attempt=target.attempt) as restored:
        fingerprint.pin(restored)
        copy = fingerprint.take(restored, tell)
        sequences = fingerprint.sequences(restored)
    result.problems += fingerprint.differences(source, copy)
    result.problems += fingerprint.sequence_differences(**manifest["sequences"], copy=sequences)
    result.digest = fingerprint.digest(copy)
    result.tables, result.rows = len(copy["tables"]), fingerprint.rows(copy)
    result.notes += _remarks(source, copy)


def _remarks(source: Mapping[str, Any], copy: Mapping[str, Any]) -> list[str]:
    """What is no difference of the rows, and still worth knowing."""
    said = []
    if source["foreign"]:
        said.append(f"Rows of foreign tables are in no backup: {', '.join(source['foreign'])}.")
    for name in sorted(set(source["extensions"]) & set(copy["extensions"])):
        if source["extensions"][name] != copy["extensions"][name]:
            versions = f"{copy['extensions'][name]} instead of {source['extensions'][name]}"
            said.append(f"The extension {name} is restored in version {versions}.")
    return said
