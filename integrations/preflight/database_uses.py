"""What the items of a runbook need of a PostgreSQL login, by action and parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from integrations.preflight.check import CheckScope, PlannedItem


class DatabaseUse(StrEnum):
    """What an item does with a login; more than one may hold."""

    SIGN_IN = "signs in"
    BE_REVOKED = "is an old login, which has to be refused in the end"
    READ = "reads some tables"
    COMPARE = "reads every table and sequence"
    BACK_UP = "takes a backup"
    MIGRATE = "migrates"
    WRITE = "writes rows"
    RUN_NEW_STACK = "is the new application's login"
    FREEZE = "changes the settings of another role, and ends its sessions"
    BE_FROZEN = "is the login that a freeze makes read-only"
    RESTORE_OVER = "puts a restored database in place of the live one"
    KEEP_COPIES = "creates and drops databases of copies"


#: Uses that need the primary: they write, or what they read has to be the newest state.
NEED_PRIMARY = frozenset(
    {
        DatabaseUse.BACK_UP,
        DatabaseUse.COMPARE,
        DatabaseUse.MIGRATE,
        DatabaseUse.WRITE,
        DatabaseUse.RUN_NEW_STACK,
        DatabaseUse.FREEZE,
        DatabaseUse.BE_FROZEN,
        DatabaseUse.RESTORE_OVER,
        DatabaseUse.KEEP_COPIES,
    }
)
#: Uses of the live database that the cutover changes.
OF_PRODUCTION = frozenset(
    {
        DatabaseUse.BACK_UP,
        DatabaseUse.MIGRATE,
        DatabaseUse.FREEZE,
        DatabaseUse.BE_FROZEN,
        DatabaseUse.RESTORE_OVER,
    }
)

_MIGRATES = {"prisma": DatabaseUse.MIGRATE}
_READS_WITH_PRISMA = {"prisma": DatabaseUse.READ}
_READS = {"database": DatabaseUse.READ}
_FREEZES = {"database": DatabaseUse.FREEZE, "application": DatabaseUse.BE_FROZEN}

#: Action → parameter that names a system of kind postgres or prisma → what the action does with it.
USES: Mapping[str, Mapping[str, DatabaseUse]] = {
    "backup.take": {"database": DatabaseUse.BACK_UP},
    "backup.verify": {"scratch": DatabaseUse.KEEP_COPIES},
    "copies.drop": {"scratch": DatabaseUse.KEEP_COPIES},
    "dualrun.watch": _READS,
    "freeze.off": _FREEZES,
    "freeze.on": _FREEZES,
    "http.smoke": _READS,
    "login.canary": {"database": DatabaseUse.WRITE},
    "oauth.signin": _READS,
    "pages.check": _READS,
    "parity.compare": {
        "source": DatabaseUse.COMPARE,
        "target": DatabaseUse.COMPARE,
        "database": DatabaseUse.COMPARE,
        "scratch": DatabaseUse.KEEP_COPIES,
    },
    "parity.fingerprint": {"database": DatabaseUse.COMPARE, "datamodel": DatabaseUse.READ},
    "prisma.align": _MIGRATES,
    "prisma.align_rehearse": {"prisma": DatabaseUse.READ, "scratch": DatabaseUse.KEEP_COPIES},
    "prisma.baseline": _MIGRATES,
    "prisma.deploy": _MIGRATES,
    "prisma.diff": {**_READS_WITH_PRISMA, **_READS},
    "prisma.drift": _READS_WITH_PRISMA,
    "prisma.generate": _READS_WITH_PRISMA,
    "prisma.present": _READS_WITH_PRISMA,
    "prisma.sanity": _READS_WITH_PRISMA,
    "prisma.status": _READS_WITH_PRISMA,
    "rollback.assess": {"database": DatabaseUse.COMPARE, "scratch": DatabaseUse.KEEP_COPIES},
    "rollback.restore": {"database": DatabaseUse.RESTORE_OVER},
    "rows.present": _READS,
    "secrets.revoked": {"login": DatabaseUse.BE_REVOKED},
    "service.stop": {"database": DatabaseUse.READ, "login": DatabaseUse.SIGN_IN},
    "sql.check": {"database": DatabaseUse.READ, "same_as": DatabaseUse.READ},
    "stack.provision": {"database": DatabaseUse.READ, "like": DatabaseUse.READ},
    "webhooks.check": _READS,
    "writers.check": {"application": DatabaseUse.SIGN_IN, "new_login": DatabaseUse.RUN_NEW_STACK},
}


def find_uses(scope: CheckScope, system: str) -> dict[DatabaseUse, list[str]]:
    """Use → keys of the items that use a system so."""
    found: dict[DatabaseUse, list[str]] = {}
    for item in scope.items.values():
        for use in _uses_of(item, system):
            found.setdefault(use, []).append(item.key)
    return found


def _uses_of(item: PlannedItem, system: str) -> Iterator[DatabaseUse]:
    """An action that is not in the table counts as a reader: nothing more is known of it."""
    known = USES.get(item.action, {})
    for name, value in item.params.items():
        if value == system:
            yield known.get(name, DatabaseUse.READ)
