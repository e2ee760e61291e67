"""The new sign-in finds every account by its address: capitals, blanks, addresses that fall together.

How the new stack looks an address up is in the runbook: ``accounts: {lookup: …}`` of the item that signs in.
"""

from __future__ import annotations

from collections.abc import Iterator

from integrations.environment.accounts import AccountTables
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.key_examples import read_keys, read_live_table
from integrations.preflight.result import CheckResult, Verdict

SIGNS_IN = "login.canary"
TIMEOUT = 30_000  # milliseconds for one query
TRIM = r"btrim({}, E' \t\r\n')"

_SAY_HOW = (
    "Find out how the new stack looks an address up and write it into the runbook (accounts: lookup: "
    "lowercase, insensitive or exact of the item that signs in); a canary with capitals proves it."
)
_MERGE = (
    "Decide with the owner of the data which account stays, and merge or rename the others before the "
    "window: people could reach the wrong account, or none."
)
_REPAIR = (
    "Compare without regard to capitals in the new stack, or write the stored addresses in small letters and "
    "without blanks before the window."
)


@preflight_check("data.emails", "The new sign-in finds every account by its address", seconds=45)
def check_addresses(scope: CheckScope) -> Iterator[CheckResult]:
    """Counts the addresses that are not as the new sign-in looks them up, once for each table of accounts."""
    asked: set[str] = set()
    for item in scope.items_of(SIGNS_IN):
        try:
            tables = AccountTables.parse(scope.systems.fill_variables(item.params.get("accounts") or {}))
        except ValueError:
            continue  # the item's own form says so
        if tables.table + tables.email not in asked:
            asked.add(tables.table + tables.email)
            yield from _check_table(scope, item, tables)


def _check_table(scope: CheckScope, item: PlannedItem, tables: AccountTables) -> Iterator[CheckResult]:
    system = scope.systems.get(str(item.params.get("database", "")))
    if system is None or system.kind != "postgres":
        return
    where, email = f"{system.name}: {_plain(tables.table)}.{_plain(tables.email)}", tables.email
    plain = f"lower({TRIM.format(email)})"
    with scope.database(system, statement_timeout=TIMEOUT) as connection:
        table = read_live_table(connection, _plain(tables.table))
        if table is None or _plain(email) not in table.columns:
            return  # the assumptions of the runbook are a check of their own
        counts = (
            f"SELECT count(*) FILTER (WHERE {email} <> lower({email})), "  # noqa: S608 - names are checked
            f"count(*) FILTER (WHERE {email} <> {TRIM.format(email)}), count({email}) FROM {tables.table}"
        )
        capitals, blanks, every = connection.execute(counts.encode()).fetchone() or (0, 0, 0)
        repeated = f"{plain} IN (SELECT {plain} FROM {tables.table} GROUP BY 1 HAVING count(*) > 1)"  # noqa: S608  # names are checked
        same = f"SELECT count(*) FROM {tables.table} WHERE {repeated}"  # noqa: S608 - names are checked
        (together,) = connection.execute(same.encode()).fetchone() or (0,)
        changed = read_keys(connection, table, f"{email} <> {plain}") if capitals or blanks else ""
        twice = read_keys(connection, table, repeated) if together else ""
    systems, items = (system.name,), (item.key,)
    yield _judge_spelling(where, tables.lookup, (capitals, blanks, every), changed, systems, items)
    asked = "Which accounts have addresses that are the same but for capitals and blanks?"
    verdict, seen = (Verdict.RED, f"{together:,} accounts.{twice}") if together else (Verdict.GREEN, "None.")
    change = _MERGE if together else ""
    yield CheckResult(f"{where}: the same address", verdict, asked, seen, change, systems, items)


def _judge_spelling(
    where: str,
    lookup: str,
    counts: tuple[int, int, int],
    keys: str,
    systems: tuple[str, ...],
    items: tuple[str, ...],
) -> CheckResult:
    capitals, blanks, every = counts
    subject = f"{where}: spelling"
    how = (
        f"which looks them up as “{lookup}”"
        if lookup
        else "and the runbook does not say how it looks them up"
    )
    asked = f"Does the new sign-in find each of the {every:,} addresses, {how}?"
    lost = {"exact": 0, "insensitive": blanks}.get(lookup, max(capitals, blanks))
    if not lost:
        return CheckResult(subject, Verdict.GREEN, asked, "Yes.", "", systems, items)
    seen = f"{capitals:,} have capitals, {blanks:,} have blanks around them.{keys}"
    if lookup:
        return CheckResult(
            subject, Verdict.RED, asked, f"{seen} It never finds them.", _REPAIR, systems, items
        )
    return CheckResult(
        subject, Verdict.AMBER, asked, f"{seen} It may never find them.", _SAY_HOW, systems, items
    )


def _plain(quoted: str) -> str:
    return quoted.replace('"', "")
