"""`manage.py stage PEOPLE`: prepares the demo's rehearsal."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from checklists.services import CommandRefused
from cutover.demo.staging import RUNBOOK, TITLE, load_people, new_people, save_people, stage_rehearsal


class Command(BaseCommand):
    """Creates the people (or reads them from the file), loads the runbook, opens the rehearsal."""

    help = "Prepares a rehearsal: runbook, five people with passwords, an open rehearsal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file of people, and the runbook."""
        parser.add_argument(
            "people", type=Path, help="file (0600) with names and passwords; created when missing"
        )
        parser.add_argument("--runbook", type=Path, default=RUNBOOK)
        parser.add_argument("--title", default=TITLE, help="of the rehearsal")

    def handle(self, *, people: Path, runbook: Path, title: str = TITLE, **options: object) -> None:
        """Prints the rehearsal's short name."""
        if not people.exists():
            save_people(new_people(), people)
        try:
            cutover = stage_rehearsal(load_people(people), runbook=runbook, title=title)
        except CommandRefused as refused:
            raise CommandError(str(refused))
        self.stdout.write(cutover.slug)
