"""Django's command line with readable settings errors; `./panel manage` also starts embedded servers."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from cutover.database.start_check import WORKING, check_role_at_start
from cutover.embedded import StartupError
from cutover.servers import running_servers
from integrations.redact.process_output import mask_standard_streams

if TYPE_CHECKING:
    from types import ModuleType

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"


def load_settings() -> ModuleType:
    """Imports the settings; exits with the reason and the remedy when they are wrong."""
    os.environ.setdefault(SETTINGS_VARIABLE, "cutover.settings")
    try:
        return importlib.import_module(os.environ[SETTINGS_VARIABLE])
    except ImproperlyConfigured as wrong:
        raise SystemExit(f"The settings are not right: {wrong}\nEvery setting: docs/reference/settings.md")


def main(argv: Sequence[str]) -> None:
    """`manage.py …`: runs a command with servers that run already."""
    load_settings()
    try:
        if argv[1:2] and argv[1] in WORKING:
            django.setup()
            check_role_at_start()
        execute_from_command_line(list(argv))
    except ImproperlyConfigured as wrong:
        raise SystemExit(f"The settings are not right: {wrong}\nEvery setting: docs/reference/settings.md")


def main_with_embedded_servers(argv: Sequence[str]) -> None:
    """`./panel manage …`: runs a command, with embedded servers started for its duration."""
    settings = load_settings()
    try:
        with running_servers(
            settings.CUTOVER_DATA, postgres=settings.EMBEDDED_POSTGRES, valkey=settings.EMBEDDED_VALKEY
        ):
            main(argv)
    except StartupError as why:
        raise SystemExit(f"panel: {why}")


if __name__ == "__main__":
    mask_standard_streams()
    main_with_embedded_servers(["panel manage", *sys.argv[1:]])
