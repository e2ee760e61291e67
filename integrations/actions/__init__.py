"""The actions: one module each, found and registered automatically; the names they are written with.

An action imports this package and nothing else of the contract: ``from integrations import actions``,
then ``actions.Action``, ``actions.Preview`` and so on. `base` says how to write one.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TypeVar

from integrations.actions.base import Action, AnyAction, ReadOnlyAction, check_parameters
from integrations.actions.context import ActionParams, Context, EarlierItem, RunbookItem
from integrations.actions.fields import (
    ActionForm,
    ContextField,
    EvidenceField,
    ItemsField,
    JSONValueField,
    ScalarField,
    SystemField,
    SystemsField,
)
from integrations.actions.report import Effect, Finding, Outcome, Preview, ProbeStatus, Report, RunReport

__all__ = [
    "Action",
    "ActionForm",
    "ActionParams",
    "AnyAction",
    "Context",
    "ContextField",
    "EarlierItem",
    "Effect",
    "EvidenceField",
    "Finding",
    "ItemsField",
    "JSONValueField",
    "Outcome",
    "Preview",
    "ProbeStatus",
    "ReadOnlyAction",
    "Report",
    "RunReport",
    "RunbookItem",
    "ScalarField",
    "SystemField",
    "SystemsField",
    "list_actions_that_record",
    "register",
    "registry",
]

A = TypeVar("A", bound=type[AnyAction])
_registered: dict[str, AnyAction] = {}


def register(cls: A) -> A:
    """Class decorator that adds an action to the registry under its key.

    Raises ValueError when another class has the key, TypeError when the action's form and its
    parameters have different fields.
    """
    if cls.key in _registered and type(_registered[cls.key]) is not cls:
        raise ValueError(f"two actions have the key {cls.key}: {type(_registered[cls.key])} and {cls}")
    check_parameters(cls)
    _registered[cls.key] = cls()
    return cls


@cache
def registry() -> dict[str, AnyAction]:
    """Every action by key, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_registered.items()))


def list_actions_that_record(*facts: str) -> list[str]:
    """The keys of the actions whose evidence has one of these facts."""
    wanted = set(facts)
    return [
        key
        for key, action in registry().items()
        if wanted & set(getattr(action.evidence_type, "__annotations__", {}))
    ]
