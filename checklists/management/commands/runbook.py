"""`manage.py runbook check FILE` tells every error of a runbook; `plan` compares with a rehearsal."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from checklists.durations import format_duration
from checklists.forecast.next_plan import PlanChange, compare_with_rehearsal
from checklists.models import Cutover
from checklists.released_variables import released_environment
from checklists.runbook import Document, json_schema, list_time_hints, read
from checklists.runbook.driver_table import driver_table
from checklists.runbook.planned_times import write_duration, write_planned_times
from checklists.runbook.yaml_source import MAX_BYTES
from integrations.variables import ReleasedVariables


class Command(BaseCommand):
    """Subcommands that read the file and the registries; `check` also asks which variables are released."""

    help = "Checks a runbook file, or prints the JSON Schema of runbook files."
    requires_system_checks: list[str] = []  # a broken setting must not hide an error in the file

    def add_arguments(self, parser: ArgumentParser) -> None:
        """check FILE [--no-env] · plan FILE --rehearsal SLUG [--write] · schema · drivers."""
        commands = parser.add_subparsers(dest="do", required=True)
        check = commands.add_parser("check", help="Prints every error as FILE:LINE: what. remedy")
        check.add_argument("file", type=Path)
        check.add_argument(
            "--no-env", action="store_true", help="Do not tell variables that are not set here."
        )
        plan = commands.add_parser("plan", help="Compares planned times with what a rehearsal took")
        plan.add_argument("file", type=Path)
        plan.add_argument(
            "--rehearsal", required=True, help="The short name of the rehearsal, as in its address."
        )
        plan.add_argument("--write", action="store_true", help="Write the measured times into the file.")
        commands.add_parser("schema", help="Prints the JSON Schema of runbook files, for editors.")
        commands.add_parser("drivers", help="Prints the table of drivers of the reference page, as Markdown.")

    def handle(self, *, do: str, **options: Any) -> None:
        """Runs one of the subcommands; a file with errors ends it with exit code 1."""
        if do == "schema":
            self.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        elif do == "drivers":
            self.stdout.write("\n".join(driver_table()))
        elif do == "plan":
            self._plan(**options)
        else:
            self._check(options["file"], None if options["no_env"] else self._environment())

    def _environment(self) -> Mapping[str, str]:
        """The released variables; without a database all of them, and a word that it is not known."""
        try:
            return released_environment()
        except (OperationalError, ProgrammingError):
            self.stderr.write("The database does not answer: which variables are released is not known.")
            return os.environ

    def _plan(self, *, file: Path, rehearsal: str, write: bool, **options: Any) -> None:
        """Prints planned and measured of each item that differs; with ``write`` changes the file."""
        cutover = Cutover.objects.filter(slug=rehearsal).first()
        if cutover is None:
            raise CommandError(f"There is no cutover called {rehearsal}. Its address has its short name.")
        content = _read_file(file)
        document = read(content).document
        if document is None:
            raise CommandError(f"{file} has errors. `runbook check` lists them.")
        changes = compare_with_rehearsal(document.items, cutover)
        changed = {each.item.key: each.took for each in changes if each.took and each.is_changed}
        for each in changes:
            if each.item.key in changed:
                self.stdout.write(describe_change(each))
        unmeasured = sum(each.took is None for each in changes)
        self.stdout.write(f"{len(changed)} of {len(changes)} items differ, {unmeasured} were not measured.")
        if write:
            self._write(file, content.decode(), changed)

    def _write(self, file: Path, text: str, changed: Mapping[str, timedelta]) -> None:
        rewritten = write_planned_times(text, changed)
        file.write_text(rewritten.text)
        self.stdout.write(f"{file}: {len(changed) - len(rewritten.by_hand)} planned times are written.")
        for key in rewritten.by_hand:
            self.stdout.write(
                f"{key} has no planned: to replace. Add planned: {write_duration(changed[key])}"
            )

    def _check(self, file: Path, environ: Any) -> None:
        content = _read_file(file)
        released = environ if isinstance(environ, ReleasedVariables) else None
        reading = read(content, environ=environ, released=released)
        for each in reading.errors:
            self.stdout.write(f"{file}:{each.line}: {each}")
        if reading.errors or reading.document is None:
            count = len(reading.errors)
            self.stderr.write(f"{file}: {count} error{'s' if count > 1 else ''}.")
            sys.exit(1)
        self.stdout.write(summary(reading.document))
        for hint in list_time_hints(reading.document):
            self.stdout.write(f"{file}: hint: {hint}")


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)  # enough to know that it is too big
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}. Give the path of a runbook file.")


def describe_change(change: PlanChange) -> str:
    """“3.6 Deploy: planned 5m, took 48s (4 min 12 s less)”."""
    item, took = change.item, change.took
    assert took is not None
    if item.planned is None:
        return f"{item.number} {item.title}: not planned, took {write_duration(took)}"
    apart = abs(took - item.planned)
    way = "more" if took > item.planned else "less"
    return (
        f"{item.number} {item.title}: planned {write_duration(item.planned)}, took {write_duration(took)} "
        f"({format_duration(apart)} {way})"
    )


def summary(document: Document) -> str:
    """One line about a runbook that is right."""
    items = list(document.items)
    count = {kind: sum(item.kind == kind for item in items) for kind in ("manual", "action", "gate")}
    planned = [item.planned for item in items if item.planned]
    return (
        f"{document.name} is right: {len(document.phases)} phases, {len(items)} items "
        f"({count['manual']} manual, {count['action']} actions, {count['gate']} gates), "
        f"planned {format_duration(sum(planned[1:], planned[0])) if planned else 'nowhere'} in all, "
        f"SHA-256 {document.sha256[:12]}…"
    )
