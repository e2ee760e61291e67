"""``manage.py variables``: which variables of the environment runbooks may use, and which may be shown."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checklists import services
from checklists.models import ReleasedVariable
from checklists.released_variables import list_used_variables
from integrations.variables import is_own_variable


class Command(BaseCommand):
    """Works on names. No value of a variable is ever printed."""

    help = "Lists, releases and withdraws the variables of the environment that runbooks may use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """list · release NAME… [--public] [--reason] · release-used [--dry-run] · withdraw NAME…"""
        commands = parser.add_subparsers(dest="do", required=True)
        commands.add_parser("list", help="prints the released names and the cutovers that use them")
        release = commands.add_parser("release", help="lets runbooks use variables")
        release.add_argument("names", nargs="+", metavar="NAME")
        release.add_argument("--public", action="store_true", help="their values may be shown, too")
        release.add_argument("--reason", default="", help="what they are for")
        used = commands.add_parser("release-used", help="releases what open cutovers use, after an upgrade")
        used.add_argument("--dry-run", action="store_true", help="only list it")
        withdraw = commands.add_parser("withdraw", help="takes variables away from runbooks")
        withdraw.add_argument("names", nargs="+", metavar="NAME")

    def handle(self, *, do: str, **options: Any) -> None:
        """Runs one of the subcommands."""
        try:
            if do == "release":
                found = services.release_variables(
                    names=options["names"], by=None, may_be_shown=options["public"], reason=options["reason"]
                )
                self.stdout.write(f"Released: {', '.join(map(str, found))}.")
            elif do == "withdraw":
                count = services.withdraw_variables(names=options["names"])
                self.stdout.write(f"Withdrawn: {count}. Items that use them do not start any more.")
            elif do == "release-used":
                self._release_used(dry_run=options["dry_run"])
            else:
                self._list()
        except services.CommandRefused as refusal:
            raise CommandError(str(refusal)) from None

    def _list(self) -> None:
        used = list_used_variables()
        for each in ReleasedVariable.objects.all():
            shown = "may be shown" if each.may_be_shown else "secret unless all its places are public"
            self.stdout.write(f"{each.name}\t{shown}\t{', '.join(used.pop(each.name, [])) or 'not used'}")
        for name, cutovers in used.items():
            self.stdout.write(f"{name}\tNOT RELEASED\t{', '.join(cutovers)}")

    def _release_used(self, *, dry_run: bool) -> None:
        known = set(ReleasedVariable.objects.values_list("name", flat=True))
        missing = {name: slugs for name, slugs in list_used_variables().items() if name not in known}
        own = [name for name in missing if is_own_variable(name)]
        for name, slugs in missing.items():
            what = "belongs to the panel and stays closed" if name in own else "to be released"
            self.stdout.write(f"{name}\t{what}\t{', '.join(slugs)}")
        wanted = [name for name in missing if name not in own]
        if not dry_run:
            services.release_variables(names=wanted, by=None, reason="Used by a cutover that was open.")
        done = "would be released" if dry_run else "released"
        self.stdout.write(f"{len(wanted)} {done}, {len(own)} belong to the panel, {len(known)} were before.")
