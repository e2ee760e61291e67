"""What the runbook says of a pair of reads: where they are, what is named otherwise, what is personal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: how a value may be read before it is compared; nothing else is ever taken for equal
KINDS = ("money", "number", "time", "text", "empty")

#: names of fields whose values are never shown, wherever in an answer they stand
PERSONAL = frozenset(
    {"name", "first_name", "last_name", "donor_name", "full_name", "email", "donor_email", "phone"}
    | {"contact_email", "address", "avatar_url", "request", "content", "message", "notes"}
    | {"birth_date", "customer", "card", "ip", "ip_address", "preacher"}
)
KNOWN = frozenset({"old", "new", "old_at", "new_at", "key", "fields", "ignore", "ordered", "personal"})


@dataclass(frozen=True)
class Field:
    """A field of the old answer: its name in the new one, and how both values are read."""

    new: str
    kind: str = ""


@dataclass(frozen=True)
class Read:
    """One question as both sides have it.

    ``old``, ``new``: paths. ``old_at``, ``new_at``: dotted place of what is compared in each answer.
    ``key``: the field by which rows are paired (its old name); without it they are paired by position.
    ``ignore``: fields, by either name, that are not compared. ``ordered``: the rows' order matters.
    """

    old: str
    new: str
    old_at: str = ""
    new_at: str = ""
    key: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    ordered: bool = True
    personal: frozenset[str] = PERSONAL

    @property
    def label(self) -> str:
        """How results call it."""
        return self.old if self.old == self.new else f"{self.old} → {self.new}"


def read_reads(given: list[Any]) -> list[Read]:
    """The runbook's list; raises ValueError in words, with the number of what is wrong."""
    found = []
    for number, one in enumerate(given, 1):
        try:
            found.append(_read(one))
        except ValueError as error:
            raise ValueError(f"read {number}: {error}") from None
    return found


def _read(one: Any) -> Read:
    if not isinstance(one, Mapping) or not {"old", "new"} <= set(one):
        raise ValueError("must look like {old: /api/donations, new: /donations}.")
    if unknown := sorted(set(one) - KNOWN):
        raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join(sorted(KNOWN))}.")
    if not all(isinstance(one[side], str) and one[side].startswith("/") for side in ("old", "new")):
        raise ValueError("old and new are paths that begin with “/”: the host is the system's.")
    return Read(
        one["old"],
        one["new"],
        _text(one, "old_at"),
        _text(one, "new_at"),
        _text(one, "key"),
        {str(name): _field(str(name), said) for name, said in _mapping(one.get("fields")).items()},
        frozenset(_names(one, "ignore")),
        _ordered(one),
        PERSONAL | frozenset(_names(one, "personal")),
    )


def _text(one: Mapping[str, Any], name: str) -> str:
    if not isinstance(one.get(name, ""), str):
        raise ValueError(f"{name} is a name.")
    return str(one.get(name, ""))


def _ordered(one: Mapping[str, Any]) -> bool:
    if not isinstance(one.get("ordered", True), bool):
        raise ValueError("ordered is true or false.")
    return bool(one.get("ordered", True))


def _names(one: Mapping[str, Any], name: str) -> list[str]:
    found = one.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name} is a list of names.")
    return found


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping | None):
        raise ValueError("fields is a mapping of old names to new ones.")
    return found or {}


def _field(name: str, said: Any) -> Field:
    """``old: new``, or ``old: {name: new, as: money}``."""
    if isinstance(said, str):
        return Field(said)
    if not isinstance(said, Mapping) or set(said) - {"name", "as"}:
        raise ValueError(f"the field {name} must be a name or look like {{name: …, as: money}}.")
    kind = str(said.get("as", ""))
    if kind and kind not in KINDS:
        raise ValueError(f"the field {name} cannot be read as “{kind}”; known: {', '.join(KINDS)}.")
    return Field(str(said.get("name", name)), kind)
