"""Thin clients, one for each external system: how to talk to it, not what a cutover does with it."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

#: packages whose modules register drivers (`integrations.drivers`)
DRIVER_PACKAGES = ("dns", "oauth", "payments", "platform", "proxies")


@cache
def load_drivers() -> None:
    """Imports every module that may hold a driver, so that the registry of drivers is complete.

    Django calls it when it starts (`checklists.apps`): web, workers, management commands and tests check
    runbooks against the registry. The functions that look a driver up call it too, for processes without
    Django.
    """
    for name in DRIVER_PACKAGES:
        package = importlib.import_module(f"{__name__}.{name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
