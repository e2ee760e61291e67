"""The recorded answers of the customer's API, and what has to be the same in ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import requests

from integrations.sandbox.facts import FOLDER

ANSWERS = FOLDER / "answers"
#: what an HTTP server adds by itself, and the recording left out in part
TRANSPORT = {"date", "connection", "keep-alive"}
VARYING = {"content-length", "etag"}
LEFT_OUT = re.compile(r"\.\.\. \d+ more left out")
#: values that differ between two requests of the same state, and objects of any content
MOMENTS = ("timestamp", "latencyMs", "createdAt", "updatedAt", "scheduledAt")
FREE = ("metadata", "settings", "payload", "segments")


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text())
    return found


def header_errors(recorded: dict[str, Any], answer: requests.Response) -> list[str]:
    """Headers that one of both does not have, or that have another value."""
    want = {name.lower(): value for name, value in recorded["headers"] if name.lower() not in TRANSPORT}
    have = {n.lower(): value for n, value in answer.headers.items() if n.lower() not in TRANSPORT}
    wrong = [f"{name}: only in one of both" for name in sorted(want.keys() ^ have.keys())]
    both = (want.keys() & have.keys()) - VARYING
    return wrong + [f"{n}: {have[n]}, recorded is {want[n]}" for n in sorted(both) if want[n] != have[n]]


def body_errors(recorded: Any, ours: Any, *, exact: bool, place: str = "body") -> list[str]:
    """Keys, types, and with ``exact`` values, in which our body is another than the recorded one."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        wrong = [f"{place}.{name}: only in one of both" for name in sorted(recorded.keys() ^ ours.keys())]
        for name in recorded.keys() & ours.keys():
            if name not in FREE:
                fixed = exact and name not in MOMENTS
                wrong += body_errors(recorded[name], ours[name], exact=fixed, place=f"{place}.{name}")
        return wrong
    if isinstance(recorded, list) and isinstance(ours, list):
        known = [one for one in recorded if not (isinstance(one, str) and LEFT_OUT.fullmatch(one))]
        if known and not ours:
            return [f"{place}: empty, recorded is {len(recorded)}"]
        pairs = zip(known[: len(ours)], ours, strict=False)
        return [text for a, b in pairs for text in body_errors(a, b, exact=exact, place=f"{place}[]")]
    if not exact and (recorded is None or ours is None):
        return []  # a column that may be empty
    if kind(recorded) != kind(ours):
        return [f"{place}: {kind(ours)}, recorded is {kind(recorded)}"]
    if exact and recorded != ours:
        return [f"{place}: {ours!r}, recorded is {recorded!r}"]
    return []


def kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def names(path: Path = ANSWERS) -> list[str]:
    return sorted(file.stem for file in path.glob("*.json"))
