"""The PostgreSQL databases of a runbook: every login that its systems have, and what the items need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import psycopg

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.clients.postgres_errors import describe_error
from integrations.errors import MissingVariable, Problem
from integrations.preflight.check import CheckScope
from integrations.preflight.database_uses import DatabaseUse, find_uses
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult, Verdict
from integrations.systems import System

STARTS = "stack.provision"  # its ``database:`` need not answer before it
#: The login with which a database's catalog is asked: the first of these that it has.
PREFERRED = (
    DatabaseUse.RESTORE_OVER,
    DatabaseUse.FREEZE,
    DatabaseUse.KEEP_COPIES,
    DatabaseUse.MIGRATE,
    DatabaseUse.BACK_UP,
    DatabaseUse.COMPARE,
)


@dataclass(frozen=True)
class PlannedLogin:
    """One login of one database. ``systems``: the systems of the runbook with this address, ``system``: the
    same as a system of kind postgres; ``uses``: what the items need of it → keys of these items."""

    system: System
    systems: tuple[str, ...]
    url: str
    uses: Mapping[DatabaseUse, tuple[str, ...]]

    @property
    def role(self) -> str:
        """The name of the role in the address."""
        return postgres.connection_settings(self.url).get("user", "")

    @property
    def address(self) -> str:
        """Host, port and database, without secrets."""
        return postgres.address(self.url)

    @property
    def label(self) -> str:
        """The systems with this login, its address and its role; logins may differ in the password only."""
        return f"{', '.join(self.systems)} ({self.address}, login {self.role})"

    def needs(self, *uses: DatabaseUse) -> bool:
        """Whether an item uses it in one of these ways."""
        return any(use in self.uses for use in uses)

    def items(self, *uses: DatabaseUse) -> tuple[str, ...]:
        """The keys of the items that use it in one of these ways."""
        return tuple(dict.fromkeys(key for use in uses for key in self.uses.get(use, ())))


@dataclass(frozen=True)
class PlannedDatabase:
    """One database, as its address names it, with its logins: the one with the most rights first.

    ``concerned``: the uses that a check is about; results then name only the systems that are used so.
    """

    address: str
    logins: tuple[PlannedLogin, ...]
    concerned: tuple[DatabaseUse, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        """The names of all systems that lead to it."""
        return tuple(name for login in self.logins for name in login.systems)

    def needs(self, *uses: DatabaseUse) -> bool:
        """Whether an item uses one of its logins in one of these ways."""
        return any(login.needs(*uses) for login in self.logins)

    def login_for(self, *uses: DatabaseUse) -> PlannedLogin | None:
        """The first login that an item uses in one of these ways, in the order of ``uses``."""
        return next((each for use in uses for each in self.logins if each.needs(use)), None)

    def question(self, about: str, asked: str, items: tuple[str, ...] = ()) -> Question:
        """A question about something in this database."""
        used = [login for login in self.logins if not self.concerned or login.needs(*self.concerned)]
        systems = tuple(name for login in used for name in login.systems)
        return Question(f"{self.address}: {about}", asked, systems, items)


def planned_logins(scope: CheckScope) -> list[PlannedLogin]:
    """Every login, in the order of the runbook. Systems whose variables are not set are left out:
    `postgres.reachable` tells them."""
    found: dict[str, PlannedLogin] = {}
    for system, setting in _systems(scope):
        try:
            url = system[setting]
            postgres.connection_settings(url)
        except Problem:
            continue
        known = found.get(url)
        names = (*known.systems, system.name) if known else (system.name,)
        uses = {**(known.uses if known else {})}
        for use, items in find_uses(scope, system.name).items():
            uses[use] = (*uses.get(use, ()), *items)
        found[url] = PlannedLogin(known.system if known else as_postgres(system), names, url, uses)
    return list(found.values())


def _systems(scope: CheckScope) -> Iterator[tuple[System, str]]:
    """Each system that has a database of its own, with the setting that holds the address."""
    yield from ((system, "url") for system in scope.systems_of("postgres"))
    yield from ((system, "database") for system in scope.systems_of("prisma"))


def as_postgres(system: System) -> System:
    """A system of kind postgres for one of kind postgres or prisma."""
    if system.kind == "postgres":
        return system
    return System(system.name, "postgres", {"url": system.settings["database"]}, system.environ)


def unreadable_systems(scope: CheckScope) -> Iterator[tuple[System, Problem]]:
    """The systems whose address is not there or cannot be read, and why."""
    for system, setting in _systems(scope):
        try:
            postgres.connection_settings(system[setting])
        except (MissingVariable, Problem) as problem:
            yield system, problem


def planned_databases(scope: CheckScope) -> list[PlannedDatabase]:
    """Every database, in the order of the runbook. Two addresses that lead to one database are two."""
    found: dict[str, list[PlannedLogin]] = {}
    for login in planned_logins(scope):
        found.setdefault(login.address, []).append(login)
    return [PlannedDatabase(address, tuple(sorted(each, key=_rank))) for address, each in found.items()]


def _rank(login: PlannedLogin) -> int:
    return next((place for place, use in enumerate(PREFERRED) if login.needs(use)), len(PREFERRED))


AskDatabase = Callable[[Connection, PlannedDatabase], Iterator[CheckResult]]
AskLogin = Callable[[Connection, PlannedLogin], Iterator[CheckResult]]


def ask_databases(
    scope: CheckScope, asked: str, ask: AskDatabase, *uses: DatabaseUse
) -> Iterator[CheckResult]:
    """Asks every database once (with ``uses``: those that an item uses so), with its best login.

    Where that login gets no connection, the next one is tried. Where a query fails, what it should have told
    is one unknown result.
    """
    for database in planned_databases(scope):
        scope.raise_if_cancelled()
        if not uses or database.needs(*uses):
            yield from _ask_database(scope, replace(database, concerned=uses), asked, ask)


def _ask_database(
    scope: CheckScope, database: PlannedDatabase, asked: str, ask: AskDatabase
) -> Iterator[CheckResult]:
    question = database.question(asked, asked)
    results: list[CheckResult] = []
    for login in database.logins:
        results = list(_ask(scope, login, question, lambda connection: ask(connection, database)))
        if not _is_unreachable(scope, login):
            break
    yield from results


def ask_logins(scope: CheckScope, asked: str, ask: AskLogin, *uses: DatabaseUse) -> Iterator[CheckResult]:
    """Asks with every login (with ``uses``: those that an item uses so); see `ask_databases`."""
    for login in planned_logins(scope):
        scope.raise_if_cancelled()
        if not uses or login.needs(*uses):
            yield from _ask_login(scope, login, asked, ask)


def _ask_login(scope: CheckScope, login: PlannedLogin, asked: str, ask: AskLogin) -> Iterator[CheckResult]:
    question = login_question(login, asked, asked)
    return _ask(scope, login, question, lambda connection: ask(connection, login))


def login_question(login: PlannedLogin, about: str, asked: str) -> Question:
    """A question about what one login may or sees."""
    return Question(f"{login.label}: {about}", asked, login.systems)


def _ask(
    scope: CheckScope,
    login: PlannedLogin,
    question: Question,
    ask: Callable[[Connection], Iterator[CheckResult]],
) -> Iterator[CheckResult]:
    reason = unreachable_reason(scope, login)
    if reason is not None and find_later_item(scope, login):
        return  # `postgres.reachable` says so
    if reason is not None:
        yield question.unknown(f"Not asked: {reason.what}", "See the result of postgres.reachable.")
        return
    try:
        with scope.database(login.system) as connection:
            yield from ask(connection)
    except psycopg.Error as error:
        yield question.unknown(
            f"Not known, or not completely: {describe_error(error)}.", advise(error, login)
        )
    except Problem as problem:
        yield question.explain(problem, Verdict.UNKNOWN)


def find_later_item(scope: CheckScope, login: PlannedLogin) -> str:
    """The key of the item that starts this database's server and has not succeeded yet; "" without one."""
    for item in scope.items_of(STARTS):
        if item.params.get("database") in login.systems and item.key not in scope.evidence:
            others = [key for key in login.items(*DatabaseUse) if key != item.key]
            return "" if others else item.key
    return ""


def unreachable_reason(scope: CheckScope, login: PlannedLogin) -> Problem | None:
    """Why a login gets no connection that can be asked; None when it does. Tried once a run."""
    try:
        scope.once.get(("reaches", login.url), lambda: _connect_once(scope, login))
    except Problem as problem:
        return problem
    return None


def _connect_once(scope: CheckScope, login: PlannedLogin) -> bool:
    with scope.database(login.system):
        return True


def _is_unreachable(scope: CheckScope, login: PlannedLogin) -> bool:
    return unreachable_reason(scope, login) is not None


def advise(error: psycopg.Error, login: PlannedLogin) -> str:
    """What helps against an error of a query of ours."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"Grant {login.role} the right that PostgreSQL names, then check again."
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "The query took longer than it may: check again when the server is less busy."
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "A session holds a lock on what was read: see the result of postgres.sessions."
    return "Remove the cause that PostgreSQL names, then check again."
