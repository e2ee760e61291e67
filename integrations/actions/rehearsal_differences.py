"""Every difference between a rehearsal on a copy and production, for its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations import actions
from integrations.actions.item_rehearsal import REHEARSABLE
from integrations.clients import postgres
from integrations.environment.api_process import ApiProcess
from integrations.environment.database_traits import (
    RehearsalDifference,
    compare_traits,
    differ,
    read_traits,
)
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from integrations.systems import System

OLD_BACKUP = timedelta(days=1)  # a backup that is older has not seen a whole day of production
ALIGN, REHEARSE = "prisma.align", "prisma.align_rehearse"
MADE_BY_DECISION = ("may_lose", "defaults")  # parameters by which the alignment is built


@dataclass(frozen=True)
class RehearsedSetup:
    """What is compared: the cutover as it is and as the items see it on the copy.

    ``verified`` is the item that restored the backup; ``params`` are the rehearsal's own, as in the runbook.
    """

    before: actions.Context
    after: actions.Context
    prisma: System
    steps: Sequence[str]
    verified: str
    params: Mapping[str, Any]

    @property
    def items(self) -> list[actions.RunbookItem]:
        """The items that are rehearsed."""
        return [self.before.items[key] for key in self.steps]


def list_differences(setup: RehearsedSetup, api: ApiProcess | None) -> list[RehearsalDifference]:
    """Returns all of them but the items that are left out while it runs (`leave_out`), what matters first."""
    found = [
        *_compare_systems(setup),
        *_compare_databases(setup),
        *_compare_rows(setup),
        *_compare_project(setup),
        *_compare_decisions(setup),
        *(_compare_api(api) if api and api.is_configured else ()),
        *_list_left_out(setup),
    ]
    return sort_differences(found)


def sort_differences(found: Sequence[RehearsalDifference]) -> list[RehearsalDifference]:
    """Those that matter first."""
    return sorted(found, key=lambda each: not each["matters"])


def describe_what_matters(found: Sequence[RehearsalDifference]) -> list[str]:
    """A sentence for each difference that matters: the warnings of the evidence."""
    return [
        f"{each['what'].capitalize()}: in production {each['production']}, in the rehearsal "
        f"{each['rehearsal']}; {each['means']}."
        for each in found
        if each["matters"]
    ]


def leave_out(key: str, action: str, why: str) -> RehearsalDifference:
    """The difference for an item that was to be rehearsed and could not be."""
    return differ(f"item {key}", f"carried out ({action})", "not carried out", why)


def _compare_systems(setup: RehearsedSetup) -> Iterator[RehearsalDifference]:
    """Address and login of each system that the items use, and the backups that another one stands for."""
    before, after = setup.before, setup.after
    for name in dict.fromkeys(str(value) for item in setup.items for value in item.params.values()):
        if name in after.systems and after.systems[name].kind in {"postgres", "prisma"}:
            old, new = _describe(before.systems[name]), _describe(after.systems[name])
            if old != new:
                yield differ(f"system {name}", old, new)
        elif name in before.items and before.items[name].action == "backup.verify" and name != setup.verified:
            yield differ("restored backup", name, setup.verified)


def _describe(system: System) -> str:
    url = system["database" if system.kind == "prisma" else "url"]
    return f"{postgres.connection_settings(url).get('user', '')}@{postgres.address(url)}"


def _compare_databases(setup: RehearsedSetup) -> list[RehearsalDifference]:
    """Version, settings, locale, extensions, roles and grants, as the two logins that migrate see them."""
    found = []
    for context in (setup.before, setup.after):
        url = context.systems[setup.prisma.name]["database"]
        try:
            with postgres.connect(url, attempt=context.attempt, readonly=True) as connection:
                found.append(read_traits(connection))
        except Problem as problem:
            return [differ("server and settings", "not compared", "", f"they are not known: {problem.what}")]
    return compare_traits(*found)


def _compare_rows(setup: RehearsedSetup) -> Iterator[RehearsalDifference]:
    verify = setup.before.items.get(setup.verified)
    backup = str(verify.params.get("backup", "")) if verify else ""
    facts = setup.before.evidence.get(backup, {}).get("backup")
    if not facts:
        return
    taken = datetime.fromisoformat(facts["taken_at"]).astimezone(UTC)
    ahead = timedelta(seconds=facts.get("clock_ahead", 0))  # the backup is dated by its database's clock
    is_old = datetime.now(UTC) - (taken - ahead) > OLD_BACKUP
    means = "the backup is older than a day: rows that came or changed since then were not rehearsed"
    rows = f"{facts['rows']:,} rows of {taken:%Y-%m-%d %H:%M} UTC"
    yield differ("rows", "as they are when the items run", rows, means if is_old else "")


def _compare_project(setup: RehearsedSetup) -> Iterator[RehearsalDifference]:
    """The folder of the project, and the variables that lead Prisma to another database."""
    old, new = Prisma(setup.prisma), Prisma(setup.after.systems[setup.prisma.name])
    yield differ("folder of the Prisma project", "its own", "a private copy", details=[str(new.folder)])
    names = new.environment.address_variables
    yield differ("addresses for Prisma", old.where, new.where, details=[f"variable {name}" for name in names])


def _compare_decisions(setup: RehearsedSetup) -> Iterator[RehearsalDifference]:
    """What this rehearsal accepts, and what the one accepts that production's alignment goes by."""
    named = [str(item.params.get("rehearsal")) for item in setup.items if item.action == ALIGN]
    others = [setup.before.items[key].params for key in named if key in setup.before.items]
    for other in others:
        for name in MADE_BY_DECISION:
            # One that is left out decides the same as an empty one: only the text of the runbook differs.
            mine, theirs = setup.params.get(name) or None, other.get(name) or None
            if mine != theirs:
                means = "production's alignment is built with other decisions than this one"
                yield differ(f"parameter {name}", str(theirs or "none"), str(mine or "none"), means)


def _compare_api(api: ApiProcess) -> Iterator[RehearsalDifference]:
    """The settings of the API on the copy, without values: some of them are secret."""
    try:
        given = api.read_settings()
    except Problem as problem:
        yield differ("settings of the API", "not read", "", f"{problem.what} The API on the copy has none")
        return
    for name, value in api.list_changes().items():
        if name == api.system["database"]:
            old = _hide_password(given.get(name, ""))
            yield differ(f"variable {name} of the API", old, _hide_password(value))
        elif given.get(name) != value:
            yield differ(
                f"variable {name} of the API", "set" if name in given else "not set", "another value"
            )


def _hide_password(url: str) -> str:
    try:
        return (
            f"{postgres.connection_settings(url).get('user', '')}@{postgres.address(url)}"
            if url
            else "not set"
        )
    except Problem:
        return "set"


def _list_left_out(setup: RehearsedSetup) -> Iterator[RehearsalDifference]:
    """The items that could be rehearsed and are not listed, and those that no copy can stand in for."""
    groups: dict[str, list[str]] = {"missed": [], "others": [], "elsewhere": []}
    for key, item in setup.before.items.items():
        if key not in setup.steps and item.action != REHEARSE and not _is_played(item, setup.items):
            groups[_group_of(item, setup.items)].append(key)
    means = "name them under items: of this item"
    for group, what, why, follows in (
        ("missed", "items that a copy could show", "not carried out", means),
        ("others", "items that are not listed", "not carried out", ""),
        ("elsewhere", "items that no copy can show", "need more than PostgreSQL, Prisma and the API", ""),
    ):
        if keys := groups[group]:
            yield differ(what, f"{len(keys)} carried out", why, follows, keys)


def _is_played(item: actions.RunbookItem, played: Sequence[actions.RunbookItem]) -> bool:
    """Whether an item with the same action and parameters is rehearsed."""
    return any(each.action == item.action and each.params == item.params for each in played)


def _group_of(item: actions.RunbookItem, played: Sequence[actions.RunbookItem]) -> str:
    if item.action not in REHEARSABLE:
        return "elsewhere"
    # A query may check work that nobody did on the copy.
    return "others" if item.action in {"sql.check", *(each.action for each in played)} else "missed"
