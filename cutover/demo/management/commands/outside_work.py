"""`manage.py outside_work CUTOVER`: does the work of ticked items in the sandbox, until it is stopped."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Collection

from django.core.management.base import BaseCommand
from django.db import connections

from checklists.models import Item
from cutover.demo.outside_work import OutsideWork
from integrations.errors import Problem
from integrations.sandbox.outside_people import find_sandbox_people

POLL = 1.0  # seconds between two looks at the ticks


class Command(BaseCommand):
    """In the demo, a tick stands for work at a provider or in an image that nobody at this machine can do."""

    help = "Does the work of the demo's manual items in the sandbox, once they are ticked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The rehearsal's short name."""
        parser.add_argument("cutover")

    def handle(self, *, cutover: str, **options: object) -> None:
        """Looks at the ticks again and again. Work that fails is reported and tried again."""
        outside, done = find_sandbox_people(os.environ), set[str]()
        while outside is not None:
            with outside.turn(wait=False) as is_ours:  # not while the autopilot plays
                lines = do_ticked_work(cutover, outside, done) if is_ours else []
            self.stdout.write("".join(f"{line}\n" for line in lines))
            self.stdout.flush()
            connections.close_all()  # between two looks it holds none
            time.sleep(POLL)


def do_ticked_work(cutover: str, outside: OutsideWork, done: set[str]) -> Collection[str]:
    """Does the work of the items that are ticked and not in ``done`` yet, in the order of the ticks.

    ``done`` grows with each piece that succeeded. Gives a line for each.
    """
    ticked = Item.objects.current().filter(cutover__slug=cutover, done_at__isnull=False)
    lines = []
    for key in ticked.exclude(key__in=done).order_by("done_at").values_list("key", flat=True):
        try:
            outside.do(key)
        except Problem as problem:
            lines.append(f"{key}: {problem}")
        else:
            done.add(key)
            lines.append(f"{key}: done")
    return lines
