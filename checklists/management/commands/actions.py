"""`manage.py actions` lists the registered actions; --markdown prints the reference page."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.management.base import BaseCommand

from checklists.durations import format_duration
from integrations.actions import (
    AnyAction,
    Effect,
    EvidenceField,
    ItemsField,
    JSONValueField,
    SystemField,
    SystemsField,
    registry,
)

_EFFECTS = {
    Effect.PURE: "only reads; the panel may run it again by itself",
    Effect.IDEMPOTENT: "running it twice has the effect of running it once; runs again after a probe",
    Effect.AT_MOST_ONCE: "runs again only when a person decides it",
}

PAGE_WIDTH = 118  # characters in a line of the documentation, where a line can be broken


class Command(BaseCommand):
    """Reads the registry of actions, and no database."""

    help = "Lists every registered action: key, title, effect."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--markdown."""
        parser.add_argument(
            "--markdown", action="store_true", help="Make the reference page, with parameters."
        )

    def handle(self, *, markdown: bool, **options: Any) -> None:
        """Prints the list, or the page."""
        actions = registry()
        if markdown:
            self.stdout.write("\n".join(reference_page(actions)))
            return
        width = max((len(key) for key in actions), default=0)
        for action in actions.values():
            self.stdout.write(f"{action.key:{width}}  {action.effect:12}  {action.title}")


def reference_page(actions: dict[str, AnyAction]) -> Iterator[str]:
    """The lines of the reference page."""
    yield "# Actions"
    yield ""
    yield "<!-- Made by `manage.py actions --markdown`; change the actions, not this page. -->"
    yield ""
    yield "What workers can run. A runbook names one under `action:`, with its parameters in `params:`."
    yield ""
    yield from (f"- **{effect}**: {words}." for effect, words in _EFFECTS.items())
    yield ""
    yield "| key | what it does | effect |"
    yield "| --- | --- | --- |"
    for action in actions.values():
        yield f"| [`{action.key}`](#{action.key.replace('.', '')}) | {action.title} | {_effect_of(action)} |"
    for action in actions.values():
        yield from _section(action)


def _section(action: AnyAction) -> Iterator[str]:
    yield ""
    yield f"## {action.key}"
    yield ""
    risky = " It changes production: its item names its undo." if action.risky else ""
    yield _wrap(
        f"{action.title}. {_effect_of(action)}, stopped after {format_duration(action.deadline)}.{risky}"
    )
    yield ""
    said = action.Params.__dict__.get("__doc__")
    if said:
        yield _wrap(" ".join(said.replace("``", "`").split()))
        yield ""
    fields = action.Params.base_fields
    if not fields:
        yield "It has no parameters."
        return
    yield "| parameter | value | needed | what it says |"
    yield "| --- | --- | --- | --- |"
    for name, each in fields.items():
        needed = "yes" if each.required else "no"
        yield f"| `{name}` | {_cell(value_of(each))} | {needed} | {_cell(str(each.help_text))} |"


def _effect_of(action: AnyAction) -> str:
    """The effect, or where the runbook declares it."""
    return "as `effect` declares" if "effect" in action.Params.base_fields else str(action.effect)


def _wrap(text: str) -> str:
    return textwrap.fill(text, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def value_of(each: forms.Field) -> str:
    """What kind of value a parameter takes, in words."""
    if isinstance(each, SystemField):
        return f"a system of kind {' or '.join(each.kinds)}"
    if isinstance(each, SystemsField):
        return f"a list of systems of kind {each.kind}"
    if isinstance(each, ItemsField):
        return f"a list of items that do: {', '.join(each.actions)}"
    if isinstance(each, EvidenceField):
        return f"an item that does {each.action}"
    if isinstance(each, JSONValueField):
        return "a list" if each.kind is list else "a mapping"
    choices = [str(value) for value, _ in getattr(each, "choices", ()) if value != ""]
    if choices:
        return ("some of: " if isinstance(each, forms.MultipleChoiceField) else "") + ", ".join(choices)
    names = {"Boolean": "true or false", "Integer": "a whole number", "Char": "text", "Float": "a number"}
    names |= {"Regex": "text", "Scalar": "a text, a number, true or false"}
    plain = type(each).__name__.removesuffix("Field")
    return names.get(plain, plain.lower())
