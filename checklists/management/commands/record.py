"""`manage.py record verify|export`: verifies the audit record, or exports a verifiable copy."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from checklists.models import Cutover
from checklists.record.chain import VERIFIER, export, verify
from checklists.record.present_rows import find_unrecorded_changes
from checklists.record.verify_record import sentence


class Command(BaseCommand):
    """Works on the hash chain of one cutover or of all."""

    help = "Verifies the record (the hash chain), or exports it with its verifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`verify [CUTOVER]` or `export CUTOVER FILE`."""
        subcommands = parser.add_subparsers(dest="action", required=True)
        verify_parser = subcommands.add_parser("verify", help="verify the chain of one cutover, or of all")
        verify_parser.add_argument("cutover", nargs="?", help="its short name, as in its address")
        export_parser = subcommands.add_parser("export", help="write the chain and its verifier to files")
        export_parser.add_argument("cutover")
        export_parser.add_argument("file", type=Path)

    def handle(
        self, *, action: str, cutover: str | None, file: Path | None = None, **options: object
    ) -> None:
        """Exit code 1 when a chain is broken or there is nothing to verify."""
        if action == "verify":
            self._verify(_find_cutover(cutover) if cutover else list(Cutover.objects.order_by("slug")))
        else:
            assert cutover is not None
            assert file is not None
            self._export(_find_cutover(cutover)[0], file)

    def _verify(self, cutovers: list[Cutover]) -> None:
        if not cutovers:
            raise CommandError("There is no cutover yet, so there is no record to verify.")
        verdicts = [(cutover, verify(cutover)) for cutover in cutovers]
        for cutover, verdict in verdicts:
            self.stdout.write(f"{cutover.slug}: {sentence(verdict)}")
        changed = {cutover.slug: find_unrecorded_changes(cutover) for cutover in cutovers}
        for slug, lines in changed.items():
            for line in lines:
                self.stdout.write(f"{slug}: CHANGED WITHOUT AN ENTRY: {line}")
        broken = [cutover.slug for cutover, verdict in verdicts if not verdict.ok]
        if broken:
            raise CommandError(
                f"The record of {', '.join(broken)} was changed outside the panel. Export it, compare it "
                "with an earlier export, and find out who may write to the panel's database."
            )
        if any(changed.values()):
            raise CommandError(
                "Rows were changed outside the panel: the lines above name each, as recorded and as it is "
                "now. Find out who may write to the panel's database before you rely on these cutovers."
            )

    def _export(self, cutover: Cutover, file: Path) -> None:
        try:
            file.write_text(export(cutover), encoding="utf-8")
            verifier = shutil.copy(VERIFIER, file.with_name(VERIFIER.name))
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.")
        self.stdout.write(f"{file} written. Anywhere: python3 {verifier} {file}")


def _find_cutover(slug: str) -> list[Cutover]:
    found = list(Cutover.objects.filter(slug=slug).select_related("runbook"))
    if not found:
        known = ", ".join(Cutover.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no cutover called {slug}. There are: {known}.")
    return found
