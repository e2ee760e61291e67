"""`manage.py autopilot CUTOVER`: plays a rehearsal by itself and verifies its record."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path

import requests
from django.core.management.base import BaseCommand, CommandError

from checklists.models import Cutover
from cutover.demo.autopilot import Autopilot, AutopilotFailed
from cutover.demo.panel_session import FormRefused
from cutover.demo.staging import load_people
from integrations.errors import Problem
from integrations.sandbox.outside_people import find_sandbox_people
from integrations.sandbox.repairs import load_repairs


class Command(BaseCommand):
    """Signs in as the people of the file and uses the pages. Refuses a production cutover."""

    help = "Plays a rehearsal through the pages, as its people, and verifies its record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The rehearsal, the address of its pages, and the file with its people."""
        parser.add_argument("cutover")
        parser.add_argument("--people", type=Path, required=True, help="the file that `stage` wrote")
        parser.add_argument(
            "--address", required=True, help="address of the panel, such as http://localhost:8000"
        )
        parser.add_argument(
            "--back-at",
            metavar="ITEM",
            help="break the new stack before this item, so that it fails; then play the whole rollback",
        )
        parser.add_argument("--until", metavar="ITEM", default="", help="leave this item and what follows")
        parser.add_argument(
            "--recorded",
            action="store_true",
            help="repair each defect that an item reports, and say no-go at the last gate",
        )
        parser.add_argument(
            "--patience", type=float, default=240.0, help="seconds that one item may run (default: 240)"
        )

    def handle(
        self,
        *,
        cutover: str,
        people: Path,
        address: str,
        patience: float,
        back_at: str | None = None,
        until: str = "",
        recorded: bool = False,
        **options: object,
    ) -> None:
        """Plays, then verifies. Exit code 1 with the item that failed."""
        found = Cutover.objects.select_related("runbook").filter(slug=cutover).first()
        if found is None:
            raise CommandError(f"There is no cutover called {cutover}.")
        if not found.is_rehearsal:
            raise CommandError(f"{found} is not a rehearsal. Only people may carry out a production cutover.")
        outside = find_sandbox_people(os.environ)
        pilot = Autopilot(found, load_people(people), address, self._say, patience, outside=outside)
        try:
            with outside.turn(wait=True) if outside else nullcontext():
                _play(pilot, back_at, until, recorded=recorded)
        except (AutopilotFailed, FormRefused, Problem) as failure:
            raise CommandError(str(failure))
        except requests.RequestException as error:
            raise CommandError(f"The panel at {address} does not answer: {error}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _play(pilot: Autopilot, back_at: str | None, until: str, *, recorded: bool) -> None:
    if back_at:
        pilot.play_rollback(back_at)
    elif recorded:
        pilot.play_recorded(load_repairs())
    else:
        pilot.play(until)
    pilot.verify()
