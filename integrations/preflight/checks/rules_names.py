"""Names of tables and columns in the parameters of items exist: a rule that matches nothing is an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from psycopg import sql

from integrations.parity.beyond_rows.spot_checks import parse_spot_checks
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.item_tables import ItemTables, judge_each, read_item_tables
from integrations.preflight.named_entries import BOTH, READERS, NamedEntry, read_named_entries
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import Tables

SPOTS = "spots"


@preflight_check("rules.names", "Tables and columns that items name exist", seconds=100)
def check_names(scope: CheckScope) -> Iterator[CheckResult]:
    """Compares every name with the database as it is, and as it is after everything that lies ahead."""
    yield from judge_each(scope, READERS, _judge_item)


def _judge_item(scope: CheckScope, item: PlannedItem) -> Iterator[CheckResult]:
    entries = read_named_entries(scope, item)
    tables = read_item_tables(scope, item) if entries else None
    if tables is None:
        return
    wrong = [(entry, why) for entry in entries if (why := find_mistake(entry, tables))]
    for entry, why in wrong:
        yield make_result(item, entry.place, str(entry), why, _suggest(entry, tables), tables)
    if not wrong:
        names = ", ".join(dict.fromkeys(map(str, entries)))
        asked = f"Are the tables and columns there that “{item.key}” names?"
        yield CheckResult(
            f"{item.key}: names",
            Verdict.GREEN,
            asked,
            f"Yes: {names}.",
            "",
            (tables.system.name,),
            (item.key,),
        )
    yield from _check_spots(scope, item, tables, {entry.place for entry, _ in wrong})


def find_mistake(entry: NamedEntry, tables: ItemTables) -> str:
    """Why an entry names nothing; "" where it names something."""
    missing = [
        when
        for when, side in (("as it is now", tables.before), ("after the migration", tables.after))
        if not _has(side, entry)
    ]
    if not missing or (entry.when != BOTH and len(missing) == 1):
        return ""
    kind = "column" if entry.column else "table"
    if len(missing) == 1 or tables.project is None:
        return f"the database has no such {kind} {missing[0]}"
    return f"the database has no such {kind}, neither now nor after the migration"


def _has(side: Tables, entry: NamedEntry) -> bool:
    table = entry.table.removeprefix("public.")
    return table in side and (not entry.column or entry.column in side[table])


def _suggest(entry: NamedEntry, tables: ItemTables) -> str:
    """Names that are there and look alike."""
    table = entry.table.removeprefix("public.")
    sides = (tables.before, tables.after)
    known: Iterable[str] = {name for side in sides for name in side}
    if entry.column and table in known:
        known = {column for side in sides for column in side.get(table, ())}
        return ", ".join(f"{table}.{each}" for each in difflib.get_close_matches(entry.column, known, 2, 0.6))
    return ", ".join(difflib.get_close_matches(table, known, 2, 0.6))


def make_result(
    item: PlannedItem, place: str, name: str, why: str, alike: str, tables: ItemTables
) -> CheckResult:
    """A red result about one entry of a parameter; its subject begins with the entry's place."""
    position = place.replace("[", " [").replace("]", "] ").strip()
    return CheckResult(
        subject=f"{item.key}: {place}",
        verdict=Verdict.RED,
        asked=f"Does {name} ({position} of “{item.key}”) match something?",
        seen=f"{name}: {why}.",
        change=f"Correct {place} of “{item.key}” in the runbook{f'; there is {alike}' if alike else ''}.",
        systems=(tables.system.name,),
        items=(item.key,),
    )


def _check_spots(
    scope: CheckScope, item: PlannedItem, tables: ItemTables, wrong: set[str]
) -> Iterator[CheckResult]:
    """The rows that spot checks name have to be there."""
    if SPOTS not in READERS[item.action] or not item.params.get(SPOTS):
        return
    try:
        spots = parse_spot_checks(scope.systems.fill_variables(item.params[SPOTS]))
    except ValueError:
        return  # the item's own form says so
    with scope.database(tables.system) as connection:
        for number, spot in enumerate(spots):
            place = f"{SPOTS}[{number}]"
            if any(each.startswith(place) for each in wrong) or spot.table not in tables.before:
                continue
            same = [
                sql.SQL("{}::text = {}").format(sql.Identifier(name), value)
                for name, value in spot.key.items()
            ]
            query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
                sql.Identifier(*spot.table.split(".")), sql.SQL(" AND ").join(same)
            )
            row = connection.execute(query).fetchone()
            if not (row and row[0]):
                names = ", ".join(spot.key)
                why = f"no row has this {names}"
                yield make_result(item, f"{place}.key", f"the row of {spot.table}", why, "", tables)
