"""Reads the objects of one side: a kind that cannot be read is a reason, and costs no other kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.beyond_rows.object_kinds import ObjectKind, ObjectRow, build_query
from integrations.parity.beyond_rows.object_registry import BY_NAME, KINDS
from integrations.parity.beyond_rows.uncompared_objects import count_uncompared
from integrations.parity.server.server_errors import name_grant, notes_of, safe_message
from integrations.parity.server.snapshot import Snapshot

#: Kind → table → name → definition.
Structure = dict[str, dict[str, dict[str, str]]]

UNCOMPARED = "the objects of other kinds"  # in `ObjectsOfSide.failed`: how many there are is not known
#: A definition names everything outside of pg_catalog with its schema, whatever else a server has.
QUALIFIED_NAMES = "set local search_path = pg_catalog, pg_temp"
#: To plan the query of all kinds takes much longer than to carry it out, and a third less in its own order.
IN_THIS_ORDER = "set local join_collapse_limit = 1; set local from_collapse_limit = 1"
IMPATIENT = "set local lock_timeout = '1s'"  # after another kind waited for a lock in vain


@dataclass
class ObjectsOfSide:
    """The objects of one side: ``found``, why kinds ``failed``, how many ``uncompared`` ones there are."""

    found: Structure = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    uncompared: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> int | None:
        """The number of objects of a kind; None where it is not known."""
        if kind not in BY_NAME:
            return None if UNCOMPARED in self.failed else self.uncompared.get(kind, 0)
        if kind in self.failed or kind not in self.found:
            return None
        return sum(len(by_name) for by_name in self.found[kind].values())

    def as_facts(self) -> dict[str, Any]:
        """JSON values for a fingerprint, which keeps ``found`` elsewhere."""
        return {"failed": self.failed, "uncompared": self.uncompared}

    @classmethod
    def from_facts(cls, found: Structure, facts: Mapping[str, Any] | None) -> ObjectsOfSide:
        """The objects of a fingerprint; nothing is known from one of a time before `as_facts`."""
        return (
            cls(found, dict(facts["failed"]), dict(facts["uncompared"]))
            if facts
            else cls({}, {UNCOMPARED: ""})
        )


def read_objects(
    snapshot: Snapshot, schemas: tuple[str, ...] = (), kinds: Iterable[ObjectKind] = KINDS
) -> ObjectsOfSide:
    """All objects of these kinds. Raises `ServerUnreachable` when the server is lost, and nothing else."""
    side = ObjectsOfSide()
    queried = [kind for kind in kinds if not kind.read]
    try:
        with _settings(snapshot, QUALIFIED_NAMES, IN_THIS_ORDER):
            rows = snapshot.fetch_rows(_all_in_one(queried, schemas))
            side.uncompared = count_uncompared(snapshot, schemas)
    except psycopg.Error:
        _read_one_by_one(snapshot, schemas, queried, side)
    else:
        for kind in queried:
            side.found[kind.name] = _by_table(kind, (row[1:] for row in rows if row[0] == kind.name))
    for kind in kinds:
        if kind.read:
            _read_kind(snapshot, schemas, kind, side, IMPATIENT if side.failed else "")
    return side


def _all_in_one(kinds: Iterable[ObjectKind], schemas: tuple[str, ...]) -> sql.Composable:
    parts = [
        sql.SQL("select {}, k.place, k.name, k.definition from ({}) k(place, name, definition)").format(
            sql.Literal(kind.name), build_query(kind.query, schemas)
        )
        for kind in kinds
    ]
    return sql.SQL(" union all ").join(parts)


def _read_one_by_one(
    snapshot: Snapshot, schemas: tuple[str, ...], kinds: Iterable[ObjectKind], side: ObjectsOfSide
) -> None:
    for kind in kinds:
        _read_kind(snapshot, schemas, kind, side, IMPATIENT)
    try:
        with _settings(snapshot, QUALIFIED_NAMES):
            side.uncompared = count_uncompared(snapshot, schemas)
    except psycopg.Error as error:
        side.failed[UNCOMPARED] = _reason(error)


def _read_kind(
    snapshot: Snapshot, schemas: tuple[str, ...], kind: ObjectKind, side: ObjectsOfSide, *settings: str
) -> None:
    try:
        with _settings(snapshot, QUALIFIED_NAMES, *filter(None, settings)):
            rows = (
                kind.read(snapshot, schemas)
                if kind.read
                else snapshot.fetch_rows(build_query(kind.query, schemas))
            )
    except psycopg.Error as error:
        side.failed[kind.name] = _reason(error)
    else:
        side.found[kind.name] = _by_table(kind, rows)


@contextmanager
def _settings(snapshot: Snapshot, *statements: str) -> Iterator[None]:
    """A savepoint with settings that end with it."""
    with snapshot.savepoint():
        for statement in statements:
            snapshot.connection.execute(statement.encode())
        yield


def _reason(error: psycopg.Error) -> str:
    return ". ".join([safe_message(error) + name_grant(error), *notes_of(error)])


def _by_table(kind: ObjectKind, rows: Iterable[ObjectRow]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for place, name, definition in rows:
        text = definition or ""
        found.setdefault(place, {})[name] = _digest(text) if kind.digest else text
    return found


def _digest(text: str) -> str:
    return f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"
