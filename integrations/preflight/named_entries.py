"""The tables and columns that parameters of items name, each with its place in the runbook.

A place is written as ``PARAMETER[2].column``: names of mappings with dots, positions of lists from 0 on. The
subject of a result begins with the item's key and this place (``canary: accounts.email``), so that a page can
find the line in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.preflight.check import CheckScope, PlannedItem

EITHER, BOTH = "before or afterwards", "before and afterwards"


@dataclass(frozen=True)
class NamedEntry:
    """One name in a parameter. ``column`` is empty where it names a table; ``when`` it has to be there."""

    place: str
    table: str
    column: str = ""
    when: str = EITHER

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table


Reader = Callable[[str, Any], Iterator[NamedEntry]]


def _tables(place: str, given: Any) -> Iterator[NamedEntry]:
    """A list of names of tables."""
    for number, name in enumerate(_list(given)):
        yield NamedEntry(f"{place}[{number}]", str(name))


def _table(place: str, given: Any) -> Iterator[NamedEntry]:
    if given:
        yield NamedEntry(place, str(given))


def _titles(place: str, given: Any) -> Iterator[NamedEntry]:
    """{table: what its rows are called}."""
    for table in _mapping(given):
        yield NamedEntry(f"{place}.{table}", str(table))


def _totals(place: str, given: Any, when: str = EITHER) -> Iterator[NamedEntry]:
    """A list of {table, sum, by: [columns]}."""
    for number, total in enumerate(_list(given)):
        here, table = f"{place}[{number}]", str(_mapping(total).get("table", ""))
        yield NamedEntry(f"{here}.table", table, when=when)
        yield NamedEntry(f"{here}.sum", table, str(_mapping(total).get("sum", "")), when)
        for index, column in enumerate(_list(_mapping(total).get("by"))):
            yield NamedEntry(f"{here}.by[{index}]", table, str(column), when)


def _totals_of_both(place: str, given: Any) -> Iterator[NamedEntry]:
    return _totals(place, given, BOTH)


def _spots(place: str, given: Any) -> Iterator[NamedEntry]:
    """A list of {table, key: {column: value}, columns: []}."""
    for number, spot in enumerate(_list(given)):
        here, table = f"{place}[{number}]", str(_mapping(spot).get("table", ""))
        yield NamedEntry(f"{here}.table", table, when=BOTH)
        for column in _mapping(_mapping(spot).get("key")):
            yield NamedEntry(f"{here}.key.{column}", table, str(column), BOTH)
        for index, column in enumerate(_list(_mapping(spot).get("columns"))):
            yield NamedEntry(f"{here}.columns[{index}]", table, str(column), BOTH)


def _accounts(place: str, given: Any) -> Iterator[NamedEntry]:
    """{table, id, email, password, insert: {column: value}, sessions: {table, account}}."""
    accounts = _mapping(given)
    table = str(accounts.get("table", ""))
    yield NamedEntry(f"{place}.table", table)
    for name in ("id", "email", "password"):
        if name in accounts:
            yield NamedEntry(f"{place}.{name}", table, str(accounts[name]))
    for column in _mapping(accounts.get("insert")):
        yield NamedEntry(f"{place}.insert.{column}", table, str(column))
    sessions = _mapping(accounts.get("sessions"))
    if sessions:
        yield NamedEntry(f"{place}.sessions.table", str(sessions.get("table", "")))
        column = str(sessions.get("account", ""))
        yield NamedEntry(f"{place}.sessions.account", str(sessions.get("table", "")), column)


def _booked(place: str, given: Any) -> Iterator[NamedEntry]:
    """{table, provider, currency, …: names of its columns, paid: values}."""
    booked = _mapping(given)
    table = str(booked.get("table", ""))
    if booked:
        yield NamedEntry(f"{place}.table", table)
    for name, column in booked.items():
        if name not in ("table", "paid"):
            yield NamedEntry(f"{place}.{name}", table, str(column))


#: Action → parameter → what reads the names in it.
READERS: Mapping[str, Mapping[str, Reader]] = {
    "parity.fingerprint": {"totals": _totals_of_both},
    "parity.compare": {"totals": _totals_of_both, "spots": _spots, "views": _tables},
    "prisma.sanity": {"totals": _totals},
    "rollback.assess": {"money": _totals, "names": _titles},
    "rows.present": {"tables": _tables},
    "login.canary": {"accounts": _accounts},
    "dualrun.watch": {"booked": _booked, "table": _table},
}


def read_named_entries(scope: CheckScope, item: PlannedItem) -> list[NamedEntry]:
    """Every name in an item's parameters. Malformed ones name nothing here: the item's form refuses them.

    Raises `MissingVariable`.
    """
    found: list[NamedEntry] = []
    for parameter, read in READERS.get(item.action, {}).items():
        given = scope.systems.fill_variables(item.params.get(parameter))
        found += [entry for entry in read(parameter, given) if entry.table]
    return found


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
