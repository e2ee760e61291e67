"""`manage.py secrets new-key|reencrypt|decrypt-export`: keys of secrets at rest, and what they protect."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from checklists.models import Cutover, Item
from checklists.services import CommandRefused, decrypt_export, reencrypt_secrets
from checklists.services.second_factors import reencrypt_second_factors
from checklists.services.secrets import ReencryptedFiles
from integrations.credentials import generate_key
from integrations.errors import Problem


class Command(BaseCommand):
    """Works on the files of this host, with the keys of this environment."""

    help = (
        "Makes a key, encrypts all secrets again under a new key, or decrypts an exported environment file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """new-key · reencrypt [CUTOVER] --by NAME · decrypt-export CUTOVER ITEM --by NAME [--output FILE]."""
        subcommands = parser.add_subparsers(dest="action", required=True)
        subcommands.add_parser("new-key", help="print a new key; put it in front of the others")
        reencrypt = subcommands.add_parser("reencrypt", help="encrypt everything under the newest key")
        reencrypt.add_argument(
            "cutover", nargs="?", help="its short name; without it all cutovers, and second factors"
        )
        decrypt = subcommands.add_parser("decrypt-export", help="write an exported environment file")
        decrypt.add_argument("cutover", help="its short name, as in its address")
        decrypt.add_argument("item", help="key of the item that exported the file")
        decrypt.add_argument("--output", type=Path, help="a new file (mode 0600); else standard output")
        for each in (reencrypt, decrypt):
            each.add_argument("--by", required=True, help="your user name: it stands in the record")

    def handle(self, *, action: str, **options: Any) -> None:
        """Exit code 1 when something could not be decrypted."""
        try:
            if action == "new-key":
                self.stdout.write(generate_key())
            elif action == "reencrypt":
                self._reencrypt(_find_cutovers(options["cutover"]), _find_person(options["by"]))
                if options["cutover"] is None:
                    self.stdout.write(f"second factors: {reencrypt_second_factors()} encrypted again.")
            else:
                item = _find_item(options["cutover"], options["item"])
                _decrypt(item, _find_person(options["by"]), options["output"])
        except (Problem, CommandRefused) as refusal:
            raise CommandError(str(refusal)) from None

    def _reencrypt(self, cutovers: list[Cutover], by: User) -> None:
        unreadable: list[str] = []
        for cutover in cutovers:
            found = reencrypt_secrets(cutover=cutover, by=by)
            self.stdout.write(f"{cutover.slug}: {_summary(found)}.")
            for path in found.missing:
                self.stdout.write(f"  not on this host: {path}")
            unreadable += found.unreadable
        if unreadable:
            raise CommandError("Left as they were:\n" + "\n".join(f"  {sentence}" for sentence in unreadable))


def _summary(found: ReencryptedFiles) -> str:
    return (
        f"{len(found.changed)} encrypted again, {len(found.unchanged)} under the newest key already, "
        f"{len(found.missing)} not here, {len(found.unreadable)} unreadable"
    )


def _decrypt(item: Item, by: User, output: Path | None) -> None:
    """Refuses a place that would show the values or overwrite a file, before anything is decrypted."""
    if output is None and sys.stdout.isatty():
        raise CommandError("The values would show on this terminal. Give --output FILE, or a pipe.")
    if output is not None and output.exists():
        raise CommandError(f"{output} exists already. Give a new file.")
    data = decrypt_export(item=item, by=by)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123  # of a descriptor
            file.write(data)
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None


def _find_person(name: str) -> User:
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active account called {name}.")
    return found


def _find_cutovers(slug: str | None) -> list[Cutover]:
    found = Cutover.objects.order_by("slug")
    return list(found) if slug is None else [_find_cutover(slug)]


def _find_cutover(slug: str) -> Cutover:
    found = Cutover.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(Cutover.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no cutover called {slug}. There are: {known}.")
    return found


def _find_item(slug: str, key: str) -> Item:
    cutover = _find_cutover(slug)
    found = Item.objects.current().filter(cutover=cutover, key=key).first()
    if found is None:
        exports = Item.objects.filter(cutover=cutover, action="env.export").values_list("key", flat=True)
        raise CommandError(
            f"{slug} has no item {key}. Items that export a file: {', '.join(exports) or 'none'}."
        )
    return found
