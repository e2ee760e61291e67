"""The queries that parameters of items hold, each with its place in the runbook (as in `named_entries`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from integrations.preflight.check import CheckScope, PlannedItem

TABLE = re.compile(r"\w+(\.\w+)?")
ASKED = "%(id)s"  # stands for a value in the query for a booked gift

Reader = Callable[[str, Any], Iterator[tuple[str, str]]]


def _query(place: str, given: Any) -> Iterator[tuple[str, str]]:
    yield place, str(given).replace(ASKED, "NULL")


def _checks(place: str, given: Any) -> Iterator[tuple[str, str]]:
    """A list of {name, sql}."""
    for number, check in _mappings(given):
        yield f"{place}[{number}].sql", str(check.get("sql") or "")


def _counts(place: str, given: Any) -> Iterator[tuple[str, str]]:
    """A list of {path, count: a table or a query}."""
    for number, read in _mappings(given):
        count = str(read.get("count") or "")
        is_table = bool(TABLE.fullmatch(count))
        yield f"{place}[{number}].count", f"SELECT count(*) FROM {count}" if is_table else count  # noqa: S608 - one name


def _figures(place: str, given: Any) -> Iterator[tuple[str, str]]:
    """A list of {path, figures: [{query}]}."""
    for number, page in _mappings(given):
        for index, figure in _mappings(page.get("figures")):
            yield f"{place}[{number}].figures[{index}].query", str(figure.get("query") or "")


READERS: Mapping[str, Mapping[str, Reader]] = {
    "sql.check": {"query": _query},
    "parity.fingerprint": {"checks": _checks},
    "parity.compare": {"checks": _checks},
    "http.smoke": {"reads": _counts, "health": _counts},
    "pages.check": {"pages": _figures},
    "webhooks.check": {"booked": _query},
}


def read_item_queries(scope: CheckScope, item: PlannedItem) -> list[tuple[str, str]]:
    """Place and text of every query of an item. Raises `MissingVariable`."""
    found: list[tuple[str, str]] = []
    for parameter, read in READERS.get(item.action, {}).items():
        given = scope.systems.fill_variables(item.params.get(parameter))
        found += [each for each in read(parameter, given) if given and each[1]]
    return found


def _mappings(given: Any) -> list[tuple[int, Mapping[str, Any]]]:
    entries = enumerate(given) if isinstance(given, list) else ()
    return [(number, each) for number, each in entries if isinstance(each, Mapping)]
