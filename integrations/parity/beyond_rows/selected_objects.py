"""Leaves out the objects of tables that are not compared, and counts them: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from integrations.parity.beyond_rows.object_kinds import DATABASE
from integrations.parity.beyond_rows.object_reader import ObjectsOfSide, Structure
from integrations.parity.beyond_rows.sequence_values import SEQUENCE_VALUES, SEQUENCES
from integrations.parity.model.selection import TableSelection

NOT_SELECTED = "not of the tables that were selected"

ByPlace = Mapping[str, Mapping[str, str]]


def select_objects(side: ObjectsOfSide, selection: TableSelection) -> tuple[ObjectsOfSide, dict[str, int]]:
    """The objects of the selected tables, and by kind the number of the others.

    Where ``tables`` are named, objects that belong to no table are among the others.
    """
    if selection.selects_all:
        return side, {}
    hidden = _sequences_of_others(side.found.get(SEQUENCES.name, {}), selection)
    found: Structure = {}
    others: dict[str, int] = {}
    for kind, by_place in side.found.items():
        skipped = hidden if kind == SEQUENCE_VALUES.name else set[str]()
        found[kind] = _select(by_place, selection, skipped)
        if left := _count(by_place) - _count(found[kind]):
            others[kind] = left
    return replace(side, found=found), others


def _select(by_place: ByPlace, selection: TableSelection, skipped: set[str]) -> dict[str, dict[str, str]]:
    kept = {}
    for place, by_name in by_place.items():
        if place != DATABASE and selection.selects(place):
            kept[place] = dict(by_name)
        elif place == DATABASE and not selection.tables:
            kept[place] = {name: text for name, text in by_name.items() if name not in skipped}
    return kept


def _sequences_of_others(sequences: ByPlace, selection: TableSelection) -> set[str]:
    return {
        name
        for place, by_name in sequences.items()
        if place != DATABASE and not selection.selects(place)
        for name in by_name
    }


def _count(by_place: ByPlace) -> int:
    return sum(len(by_name) for by_name in by_place.values())


def list_not_selected(source: Mapping[str, int], target: Mapping[str, int]) -> list[dict[str, Any]]:
    """Entries of `ComparisonResult.uncompared` for the numbers of objects of other tables."""
    return [
        {"kind": kind, "source": source.get(kind, 0), "target": target.get(kind, 0), "reason": NOT_SELECTED}
        for kind in sorted(source.keys() | target.keys())
    ]
