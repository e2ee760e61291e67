"""Finds values inside parsed JSON by their place: names and numbers with dots between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def find_value(found: Any, place: str) -> Any:
    """The value at this place, None where there is none; "" is the whole."""
    for name in filter(None, place.split(".")):
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def find_values(found: Any, place: str) -> list[tuple[str, Any]]:
    """Every place that fits, with its value; ``*`` stands for each part of an object or a list.

    One place without a value is in the list when nothing fits.
    """
    head, star, tail = place.partition("*")
    if not star:
        return [(place, find_value(found, place))]
    above = find_value(found, head.strip("."))
    parts = (
        above.items() if isinstance(above, Mapping) else enumerate(above) if isinstance(above, list) else ()
    )
    fitting = [f"{head}{name}{tail}" for name, _ in parts]
    return [each for one in fitting for each in find_values(found, one)] or [(place, None)]


def walk_texts(found: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside, with its place."""
    if isinstance(found, str):
        yield place, found
    elif isinstance(found, Mapping | list):
        parts = found.items() if isinstance(found, Mapping) else enumerate(found)
        for name, value in parts:
            yield from walk_texts(value, f"{place}.{name}" if place else str(name))
