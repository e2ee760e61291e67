"""`manage.py autopilot CUTOVER`: plays a rehearsal without hands and verifies its record."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

import requests
from django.core.management.base import BaseCommand, CommandError

from checklists.autopilot import Autopilot, Failed
from checklists.models import Cutover
from checklists.staging import load_cast
from checklists.visitor import NotPossible
from integrations.errors import Problem
from integrations.sandbox.people import hands


class Command(BaseCommand):
    """Signs in as the people of the file and goes through the pages; only ever a rehearsal."""

    help = "Plays a rehearsal through the pages, as its people, and verifies its record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which rehearsal, where its pages are, who its people are."""
        parser.add_argument("cutover")
        parser.add_argument("--people", type=Path, required=True, help="the file that `stage` wrote")
        parser.add_argument("--address", required=True, help="of the panel, such as http://localhost:8000")
        parser.add_argument(
            "--back-at",
            metavar="ITEM",
            help="break the new stack before this item, and meet its failure with the whole rollback",
        )
        parser.add_argument("--limit", type=float, default=240.0, help="seconds (default: 240)")

    def handle(
        self,
        *,
        cutover: str,
        people: Path,
        address: str,
        limit: float,
        back_at: str | None = None,
        **options: object,
    ) -> None:
        """Exit code 1 with the item that failed."""
        found = Cutover.objects.select_related("runbook").filter(slug=cutover).first()
        if found is None:
            raise CommandError(f"There is no cutover called {cutover}.")
        if not found.is_rehearsal:
            raise CommandError(f"{found} is no rehearsal. Production is decided and done by people.")
        pilot = Autopilot(found, load_cast(people), address, self._say, limit, hands=hands(os.environ))
        try:
            if back_at:
                pilot.play_back(back_at)
            else:
                pilot.play()
            pilot.verify()
        except (Failed, NotPossible, Problem) as failure:
            raise CommandError(str(failure))
        except requests.RequestException as error:
            raise CommandError(f"The panel at {address} does not answer: {error}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
