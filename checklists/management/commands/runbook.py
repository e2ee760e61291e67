"""`manage.py runbook check FILE` tells every mistake of a runbook; `runbook schema` helps editors."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checklists.runbook import Document, duration_text, json_schema, read
from checklists.runbook.source import MAX_BYTES


class Command(BaseCommand):
    """Two subcommands that read the runbook file and the registry of actions, and no database."""

    help = "Checks a runbook file, or prints the JSON Schema of runbook files."
    requires_system_checks: list[str] = []  # a broken setting must not hide a mistake in the file

    def add_arguments(self, parser: ArgumentParser) -> None:
        """check FILE [--no-env] · schema."""
        commands = parser.add_subparsers(dest="do", required=True)
        check = commands.add_parser("check", help="Prints every mistake as FILE:LINE: what. remedy")
        check.add_argument("file", type=Path)
        check.add_argument(
            "--no-env", action="store_true", help="Do not tell variables that are not set here."
        )
        commands.add_parser("schema", help="Prints the JSON Schema of runbook files, for editors.")

    def handle(self, *, do: str, **options: Any) -> None:
        """Runs one of the two; a file with mistakes ends it with exit code 1."""
        if do == "schema":
            self.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        else:
            self._check(options["file"], None if options["no_env"] else os.environ)

    def _check(self, file: Path, environ: Any) -> None:
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)  # enough to know that it is too big
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}. Give the path of a runbook file.")
        reading = read(content, environ=environ)
        for mistake in reading.mistakes:
            self.stdout.write(f"{file}:{mistake.line}: {mistake}")
        if reading.mistakes or reading.document is None:
            count = len(reading.mistakes)
            self.stderr.write(f"{file}: {count} mistake{'s' if count > 1 else ''}.")
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
        f"planned {duration_text(sum(planned[1:], planned[0])) if planned else 'nowhere'} in all, "
        f"SHA-256 {document.sha256[:12]}…"
    )
