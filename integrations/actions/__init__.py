"""The registry of actions: every module of this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TypeVar

from integrations.actions.base import Action

A = TypeVar("A", bound=type[Action])
_found: dict[str, Action] = {}


def register(cls: A) -> A:
    """Class decorator that makes an action known under its key; two of one key are a mistake."""
    if cls.key in _found and type(_found[cls.key]) is not cls:
        raise ValueError(f"two actions are called {cls.key}: {type(_found[cls.key])} and {cls}")
    _found[cls.key] = cls()
    return cls


@cache
def registry() -> dict[str, Action]:
    """Every action by key, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_found.items()))
