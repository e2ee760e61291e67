"""Django's command line, with wrong settings told in words; `./panel manage` brings the servers along."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from cutover.embedded import WillNotStart
from cutover.servers import running

if TYPE_CHECKING:
    from types import ModuleType

MODULE = "DJANGO_SETTINGS_MODULE"


def loaded_settings() -> ModuleType:
    """The settings, read now, or the end of this program with what is wrong and how to mend it."""
    os.environ.setdefault(MODULE, "cutover.settings")
    try:
        return importlib.import_module(os.environ[MODULE])
    except ImproperlyConfigured as wrong:
        raise SystemExit(f"The settings are not right: {wrong}\nEvery setting: docs/reference/settings.md")


def main(argv: Sequence[str]) -> None:
    """`manage.py …`: runs a command on servers that are there."""
    loaded_settings()
    try:
        execute_from_command_line(list(argv))
    except ImproperlyConfigured as wrong:
        raise SystemExit(f"The settings are not right: {wrong}\nEvery setting: docs/reference/settings.md")


def main_with_servers(argv: Sequence[str]) -> None:
    """`./panel manage …`: the same, and the embedded servers run as long as the command does."""
    settings = loaded_settings()
    try:
        with running(
            settings.CUTOVER_DATA, postgres=settings.EMBEDDED_POSTGRES, valkey=settings.EMBEDDED_VALKEY
        ):
            main(argv)
    except WillNotStart as why:
        raise SystemExit(f"panel: {why}")


if __name__ == "__main__":
    main_with_servers(["panel manage", *sys.argv[1:]])
