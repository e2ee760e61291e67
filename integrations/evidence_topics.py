"""What evidence says about which thing: by this, checks of different kinds confirm or contradict each other.

A topic is a sentence about one thing outside the panel, named by its identity. Evidence confirms topics or
denies them. What was confirmed holds only until another item's later evidence denies the same topic. The same
check with the same parameters needs no topic. Only a fact that names its thing without doubt gives one: a
check whose expectations the runbook chooses may fail although the thing is as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

#: (topic, whether the evidence confirms it)
Statement = tuple[str, bool]


def topics_of(facts: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The topics that the facts confirm, and those that they deny."""
    said = {
        topic: confirms
        for name, read in READERS.items()
        if isinstance(facts.get(name), Mapping)
        for topic, confirms in read(facts[name])
    }
    return ([topic for topic, yes in said.items() if yes], [topic for topic, yes in said.items() if not yes])


def _verified(facts: Mapping[str, Any]) -> Iterator[Statement]:
    """A backup is its SHA-256, whichever action restored it or looked at its files."""
    if facts.get("sha256") and isinstance(facts.get("equal"), bool):
        yield f"the backup {facts['sha256'][:12]} is whole", facts["equal"]


def _parity(facts: Mapping[str, Any]) -> Iterator[Statement]:
    """Two databases are a pair, whichever was named first; a fingerprint is not the database of now."""
    sides = [(facts.get(side) or {}).get("address") for side in ("source", "target")]
    if all(sides) and sides[0] != sides[1] and facts.get("mode") != "before" and "equal" in facts:
        first, second = sorted(map(str, sides))
        yield f"{first} and {second} hold the same", bool(facts["equal"])


def _smoke(facts: Mapping[str, Any]) -> Iterator[Statement]:
    """Reads and requests are the runbook's expectations; that it is up or not, its health says."""
    if facts.get("address") and facts.get("state") in ("well", "down", "not_ready"):
        yield _answers(facts["address"]), facts["state"] == "well"


def _http(facts: Mapping[str, Any]) -> Iterator[Statement]:
    """An error of the server says that it is not well; of any other answer the runbook decides."""
    status = facts.get("status")
    if facts.get("address") and isinstance(status, int) and (status >= 500 or status < 400):
        yield _answers(facts["address"]), status < 400


def _answers(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc} answers"


#: By the name of the fact.
READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Statement]]] = {
    "verified": _verified,
    "parity": _parity,
    "smoke": _smoke,
    "http": _http,
}
