"""Alterations of a good answer: of its values place by place, and of the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Place = tuple[str | int, ...]
MISSING = object()

#: What stands in place of a value; JSON that a server may send.
VALUES: list[Any] = [
    *(MISSING, None, True, False, 0, -1, 0.9, 10**30, 10**400, 1e300, "", " ", "x", "true", "0", "9" * 40),
    *("\0", "\ud800", "1e999999999", "NaN", "-0", "٣", [], [None], [[]], [{}], ["x"], {}, {"a": 1}),
    {"": None},
]  # fmt: skip


@dataclass(frozen=True)
class Alteration:
    """One altered body, and the place that is altered: () for the whole."""

    place: Place
    what: str
    body: bytes

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place)) or 'the whole'}: {self.what}"


def places_of(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place below, objects and lists included."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in parts:
        yield (*place, name)
        yield from places_of(inner, (*place, name))


def alter_values(good: Any) -> Iterator[Alteration]:
    """Each place of the answer with each of `VALUES`."""
    for place in places_of(good):
        for value in VALUES:
            altered = _with_value(good, place, value)
            if altered != good:
                what = "missing" if value is MISSING else repr(value)[:30]
                yield Alteration(place, what, json.dumps(altered).encode())


def alter_whole(good: Any) -> Iterator[Alteration]:
    """The whole body in forms that are no JSON, other JSON, or JSON that readers differ about."""
    text = json.dumps(good)
    bodies: dict[str, bytes] = {
        "empty": b"",
        "cut": text[: len(text) // 2].encode(),
        "a page": b"<!doctype html><title>502 Bad Gateway</title>",
        "no UTF-8": b"\xff\xfe\xfa",
        "NUL": b"\0" * 100,
        "one long line": b"x" * 1_000_000,
        "two values": f"{text}{text}".encode(),
        "deep lists": b"[" * 50_000,
        "closed deep lists": b"[" * 900 + b"]" * 900,
        "deep objects": b'{"data":' * 900 + b"1" + b"}" * 900,
        "NaN": b"NaN",
        "a number of thousands of digits": b"9" * 5000,
    }
    for number, value in enumerate((None, True, 0, 1, -1.5, "x", "", [], [1], [None], [[]], {}, {"x": 1})):
        bodies[f"another value {number}"] = json.dumps(value).encode()
    if isinstance(good, dict) and good:
        name = json.dumps(next(iter(good)))
        bodies["a name twice"] = f"{text[:-1]}, {name}: null}}".encode()
    for what, body in bodies.items():
        yield Alteration((), what, body)


def _with_value(good: Any, place: Place, value: Any) -> Any:
    altered = deepcopy(good)
    at = altered
    for name in place[:-1]:
        at = at[name]
    if value is MISSING:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return altered
