"""`manage.py stage PEOPLE`: sets the stage of the demo's rehearsal."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from checklists.services import Refused
from checklists.staging import RUNBOOK, cast, load_cast, save_cast, set_stage


class Command(BaseCommand):
    """Makes the people (or finds them again in the file), loads the runbook, opens the rehearsal."""

    help = "Sets the stage of a rehearsal: runbook, four people with passwords, an open rehearsal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the people's passwords are kept, and which runbook to open."""
        parser.add_argument("people", type=Path, help="file (0600) that keeps names and passwords")
        parser.add_argument("--runbook", type=Path, default=RUNBOOK)

    def handle(self, *, people: Path, runbook: Path, **options: object) -> None:
        """Prints the rehearsal's short name."""
        if not people.exists():
            save_cast(cast(), people)
        try:
            cutover = set_stage(load_cast(people), runbook=runbook)
        except Refused as refused:
            raise CommandError(str(refused))
        self.stdout.write(cutover.slug)
