"""Where two JSON values differ, as paths: `$.address.city`, `$.tags[2]`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MOST = 20  # paths told of one value
NOTHING = object()


def differing_paths(source: str | None, target: str | None) -> list[str]:
    """The paths at which two JSON texts differ, at most `MOST`; none where one is no JSON or was cut."""
    try:
        before, after = (json.loads(text or "", parse_float=Decimal) for text in (source, target))
    except ValueError:
        return []
    paths = _paths("$", before, after)
    return [path for path, _ in zip(paths, range(MOST), strict=False)]


def _paths(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _paths(path + _step(name), before.get(name, NOTHING), after.get(name, NOTHING))
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            one, other = ((v[place] if place < len(v) else NOTHING) for v in (before, after))
            yield from _paths(f"{path}[{place}]", one, other)
    elif before is NOTHING or after is NOTHING or repr(before) != repr(after):
        yield path  # by their writing: 1 and true are the same to Python


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{json.dumps(name, ensure_ascii=False)}]"
