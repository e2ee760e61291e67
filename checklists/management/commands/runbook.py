"""`manage.py runbook check FILE` tells every error of a runbook; `schema` and `drivers` make references."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from checklists.durations import format_duration
from checklists.released_variables import released_environment
from checklists.runbook import Document, json_schema, read
from checklists.runbook.driver_table import driver_table
from checklists.runbook.yaml_source import MAX_BYTES
from integrations.variables import ReleasedVariables


class Command(BaseCommand):
    """Subcommands that read the file and the registries; `check` also asks which variables are released."""

    help = "Checks a runbook file, or prints the JSON Schema of runbook files."
    requires_system_checks: list[str] = []  # a broken setting must not hide an error in the file

    def add_arguments(self, parser: ArgumentParser) -> None:
        """check FILE [--no-env] · schema · drivers."""
        commands = parser.add_subparsers(dest="do", required=True)
        check = commands.add_parser("check", help="Prints every error as FILE:LINE: what. remedy")
        check.add_argument("file", type=Path)
        check.add_argument(
            "--no-env", action="store_true", help="Do not tell variables that are not set here."
        )
        commands.add_parser("schema", help="Prints the JSON Schema of runbook files, for editors.")
        commands.add_parser("drivers", help="Prints the table of drivers of the reference page, as Markdown.")

    def handle(self, *, do: str, **options: Any) -> None:
        """Runs one of the subcommands; a file with errors ends it with exit code 1."""
        if do == "schema":
            self.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        elif do == "drivers":
            self.stdout.write("\n".join(driver_table()))
        else:
            self._check(options["file"], None if options["no_env"] else self._environment())

    def _environment(self) -> Mapping[str, str]:
        """The released variables; without a database all of them, and a word that it is not known."""
        try:
            return released_environment()
        except (OperationalError, ProgrammingError):
            self.stderr.write("The database does not answer: which variables are released is not known.")
            return os.environ

    def _check(self, file: Path, environ: Any) -> None:
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)  # enough to know that it is too big
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}. Give the path of a runbook file.")
        released = environ if isinstance(environ, ReleasedVariables) else None
        reading = read(content, environ=environ, released=released)
        for each in reading.errors:
            self.stdout.write(f"{file}:{each.line}: {each}")
        if reading.errors or reading.document is None:
            count = len(reading.errors)
            self.stderr.write(f"{file}: {count} error{'s' if count > 1 else ''}.")
            sys.exit(1)
        self.stdout.write(summary(reading.document))


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
