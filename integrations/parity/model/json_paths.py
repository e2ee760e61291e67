"""The paths at which two JSON values differ: `$.address.city`, `$.tags[2]`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

MAX_PATHS = 20  # of one value
ABSENT = object()


def find_differing_paths(source: str | None, target: str | None) -> list[str]:
    """The paths at which two JSON texts differ, at most `MAX_PATHS`; none where one is not (whole) JSON."""
    try:
        before, after = (json.loads(text or "", parse_float=Decimal) for text in (source, target))
    except ValueError:
        return []
    return list(islice(_paths("$", before, after), MAX_PATHS))


def _paths(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _paths(path + _member(name), before.get(name, ABSENT), after.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, other = ((v[index] if index < len(v) else ABSENT) for v in (before, after))
            yield from _paths(f"{path}[{index}]", one, other)
    elif before is ABSENT or after is ABSENT or repr(before) != repr(after):
        yield path  # compared as written, because 1 == True in Python


def _member(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{json.dumps(name, ensure_ascii=False)}]"
