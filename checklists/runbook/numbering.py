"""Numbers of items after an amendment: those that people know by now stay."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import replace

from checklists.runbook.document import Document, ItemSpec, PhaseSpec
from checklists.runbook.error_collector import ErrorCollector
from checklists.runbook.item_links import resolve_item_links


def keep_numbers(document: Document, items: Mapping[str, str], phases: Mapping[str, str]) -> Document:
    """The document with the numbers that its items and phases have already, and links resolved to them.

    ``items`` and ``phases`` are key → number. A new item takes the number of its place when that is free,
    otherwise that of the item before it with a letter: between 3.4 and 3.5 comes 3.4a. So do phases.
    """
    taken, numbered = set(items.values()), list[PhaseSpec]()
    taken_phases = set(phases.values())
    for phase in document.phases:
        number = phases.get(phase.key)
        if number is None:
            before = numbered[-1].number if numbered else "0"
            number = phase.number if phase.number not in taken_phases else _with_letter(before, taken_phases)
            taken_phases.add(number)
        numbered.append(_number_items(replace(phase, number=number), items, taken))
    return resolve_item_links(replace(document, phases=tuple(numbered)), ErrorCollector())


def _number_items(phase: PhaseSpec, known: Mapping[str, str], taken: set[str]) -> PhaseSpec:
    items: list[ItemSpec] = []
    for place, item in enumerate(phase.items, start=1):
        number = known.get(item.key)
        if number is None:
            before = items[-1].number if items else f"{phase.number}.0"
            own = f"{phase.number}.{place}"
            number = own if own not in taken else _with_letter(before, taken)
            taken.add(number)
        items.append(replace(item, number=number))
    return replace(phase, items=tuple(items))


def _with_letter(before: str, taken: set[str]) -> str:
    """The first free number of “3.4a”, …, “3.4z”, “3.4aa”, …"""
    stem, letters = before.rstrip(string.ascii_lowercase), string.ascii_lowercase
    endings = [*letters, *(first + second for first in letters for second in letters)]
    return next(f"{stem}{ending}" for ending in endings if f"{stem}{ending}" not in taken)
