"""Fills in ``[[item-key]]`` in texts with the item's number, so that no text names a number that moved."""

from __future__ import annotations

import re
from dataclasses import replace

from checklists.runbook.document import Document, ItemSpec, PhaseSpec
from checklists.runbook.notebook import Notebook, nearest

_LINK = re.compile(r"\[\[([a-z0-9-]+)\]\]")


def with_numbers(document: Document, notes: Notebook) -> Document:
    """The document with every ``[[key]]`` replaced; one that names no item is noted."""
    numbers = {item.key: item.number for item in document.items}
    phases = tuple(_phase(phase, numbers, notes) for phase in document.phases)
    return replace(document, phases=phases)


def _phase(phase: PhaseSpec, numbers: dict[str, str], notes: Notebook) -> PhaseSpec:
    note = _text(phase.note, numbers, phase.line, f"phase {phase.key}", notes)
    return replace(phase, note=note, items=tuple(_item(item, numbers, notes) for item in phase.items))


def _item(item: ItemSpec, numbers: dict[str, str], notes: Notebook) -> ItemSpec:
    def filled(text: str) -> str:
        return _text(text, numbers, item.line, f"item {item.key}", notes)

    how, irreversible, opens = map(filled, (item.how, item.irreversible, item.opens))
    return replace(item, how=how, irreversible=irreversible, opens=opens)


def _text(text: str, numbers: dict[str, str], line: int, where: str, notes: Notebook) -> str:
    def number(match: re.Match[str]) -> str:
        key = match[1]
        if key not in numbers:
            notes.add(line, where, f"its text names [[{key}]], which is no item.", nearest(key, numbers))
        return numbers.get(key, match[0])

    return _LINK.sub(number, text)
