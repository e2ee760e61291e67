"""`manage.py record verify|export`: is the record whole, and a copy that proves it elsewhere."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from checklists.models import Cutover
from checklists.record import VERIFIER, export, verify
from checklists.verify_record import sentence


class Command(BaseCommand):
    """Looks at the hash chain of one cutover or of all."""

    help = "Verifies the record (the hash chain of what was commanded), or exports it with its verifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`verify [CUTOVER]` or `export CUTOVER FILE`."""
        deeds = parser.add_subparsers(dest="deed", required=True)
        verifying = deeds.add_parser("verify", help="verify the chain of one cutover, or of all")
        verifying.add_argument("cutover", nargs="?", help="its short name, as in its address")
        exporting = deeds.add_parser("export", help="write the chain to a file, its verifier beside it")
        exporting.add_argument("cutover")
        exporting.add_argument("file", type=Path)

    def handle(self, *, deed: str, cutover: str | None, file: Path | None = None, **options: object) -> None:
        """Exit code 1 when a chain is broken or there is nothing to verify."""
        if deed == "verify":
            self._verify(_named(cutover) if cutover else list(Cutover.objects.order_by("slug")))
        else:
            assert cutover is not None
            assert file is not None
            self._export(_named(cutover)[0], file)

    def _verify(self, cutovers: list[Cutover]) -> None:
        if not cutovers:
            raise CommandError("There is no cutover yet, so there is no record to verify.")
        verdicts = [(cutover, verify(cutover)) for cutover in cutovers]
        for cutover, verdict in verdicts:
            self.stdout.write(f"{cutover.slug}: {sentence(verdict)}")
        broken = [cutover.slug for cutover, verdict in verdicts if not verdict.ok]
        if broken:
            raise CommandError(
                f"The record of {', '.join(broken)} was changed outside the panel. Export it, compare it "
                "with an earlier export, and find out who may write to the panel's database."
            )

    def _export(self, cutover: Cutover, file: Path) -> None:
        try:
            file.write_text(export(cutover), encoding="utf-8")
            verifier = shutil.copy(VERIFIER, file.with_name(VERIFIER.name))
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.")
        self.stdout.write(f"{file} written. Anywhere: python3 {verifier} {file}")


def _named(slug: str) -> list[Cutover]:
    found = list(Cutover.objects.filter(slug=slug).select_related("runbook"))
    if not found:
        known = ", ".join(Cutover.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no cutover called {slug}. There are: {known}.")
    return found
