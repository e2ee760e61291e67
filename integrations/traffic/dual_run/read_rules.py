"""Rules of the runbook for comparing a read on both stacks: paths, renamed fields, personal fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: How a value may be converted before it is compared.
KINDS = ("money", "number", "time", "text", "empty")

#: Names of fields whose values are never shown, at any depth of an answer.
PERSONAL = frozenset(
    {"name", "first_name", "last_name", "donor_name", "full_name", "email", "donor_email", "phone"}
    | {"contact_email", "address", "avatar_url", "request", "content", "message", "notes"}
    | {"birth_date", "customer", "card", "ip", "ip_address", "preacher"}
)
SETTINGS = frozenset({"old", "new", "old_at", "new_at", "key", "fields", "ignore", "ordered", "personal"})


@dataclass(frozen=True)
class FieldRule:
    """A field of the old answer: its name in the new one, and how both values are converted (`KINDS`).

    ``each``: of a list of objects, the names that are compared in each of them, old → new.
    """

    new: str
    kind: str = ""
    each: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadRule:
    """One read that both sides answer.

    ``old``, ``new``: paths. ``old_at``, ``new_at``: dotted path of what is compared in each answer.
    ``key``: the field by which rows are paired (its old name); without it they are paired by position.
    ``ignore``: fields, by either name, that are not compared. ``ordered``: the rows' order matters.
    """

    old: str
    new: str
    old_at: str = ""
    new_at: str = ""
    key: str = ""
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    ordered: bool = True
    personal: frozenset[str] = PERSONAL

    @property
    def label(self) -> str:
        """Its name in results."""
        return self.old if self.old == self.new else f"{self.old} → {self.new}"


def parse_read_rules(given: list[Any]) -> list[ReadRule]:
    """Parses the runbook's list. Raises ValueError with a sentence and the number of the wrong entry."""
    found = []
    for number, one in enumerate(given, 1):
        try:
            found.append(_parse_rule(one))
        except ValueError as error:
            raise ValueError(f"read {number}: {error}") from None
    return found


def _parse_rule(one: Any) -> ReadRule:
    if not isinstance(one, Mapping) or not {"old", "new"} <= set(one):
        raise ValueError("must look like {old: /api/orders, new: /orders}.")
    if unknown := sorted(set(one) - SETTINGS):
        raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join(sorted(SETTINGS))}.")
    if not all(isinstance(one[side], str) and one[side].startswith("/") for side in ("old", "new")):
        raise ValueError("old and new are paths that begin with “/”: the host is the system's.")
    return ReadRule(
        one["old"],
        one["new"],
        _get_text(one, "old_at"),
        _get_text(one, "new_at"),
        _get_text(one, "key"),
        {
            str(name): _parse_field(str(name), said)
            for name, said in _check_mapping(one.get("fields")).items()
        },
        frozenset(_get_names(one, "ignore")),
        _get_ordered(one),
        PERSONAL | frozenset(_get_names(one, "personal")),
    )


def _get_text(one: Mapping[str, Any], name: str) -> str:
    if not isinstance(one.get(name, ""), str):
        raise ValueError(f"{name} is a name.")
    return str(one.get(name, ""))


def _get_ordered(one: Mapping[str, Any]) -> bool:
    if not isinstance(one.get("ordered", True), bool):
        raise ValueError("ordered is true or false.")
    return bool(one.get("ordered", True))


def _get_names(one: Mapping[str, Any], name: str) -> list[str]:
    found = one.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name} is a list of names.")
    return found


def _check_mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping | None):
        raise ValueError("fields is a mapping of old names to new ones.")
    return found or {}


def _parse_field(name: str, said: Any) -> FieldRule:
    """``old: new``, ``old: {name: new, as: money}``, or ``old: {name: new, each: {inner: new name}}``."""
    if isinstance(said, str):
        return FieldRule(said)
    if not isinstance(said, Mapping) or set(said) - {"name", "as", "each"}:
        raise ValueError(f"the field {name} must be a name or look like {{name: …, as: money}}.")
    kind = str(said.get("as", ""))
    if kind and kind not in KINDS:
        raise ValueError(f"the field {name} cannot be read as “{kind}”; known: {', '.join(KINDS)}.")
    each = said.get("each") or {}
    if not isinstance(each, Mapping):
        raise ValueError(f"the field {name} needs names under each: {{title: name}}.")
    return FieldRule(str(said.get("name", name)), kind, {str(old): str(new) for old, new in each.items()})
