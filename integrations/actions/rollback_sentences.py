"""What a rollback would lose, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrations.backups.lost_money import LostMoney, MoneyGroup
from integrations.backups.rollback_loss import RollbackLoss, TableLoss

NAMED = 6  # tables, groups and reasons in a sentence; all are in the evidence
KINDS = ("created", "changed", "deleted")


def describe_loss(loss: RollbackLoss, taken_at: str) -> str:
    """The answer in one line: what is known, then what is not known, then what to do."""
    since = f"since the backup of {taken_at[:19].replace('T', ' ')}"
    if loss.answer == "unknown":
        parts = [f"It is not known what a rollback would lose {since}: {_join(_iterate_unknown(loss))}."]
        if loss.tables or loss.added:
            parts.append(f"Counted so far: {_describe_rows(loss)}.")
        parts.append("See to these parts, then count again.")
    elif loss.answer == "nothing":
        parts = [
            f"No row was created, changed or deleted {since}, in none of {loss.compared} tables: "
            "a rollback costs only the time to restore."
        ]
    else:
        parts = [f"A rollback would lose what happened {since}: {_describe_rows(loss)}."]
    return " ".join([*parts, *_describe_money(loss.money)])


def list_warnings(loss: RollbackLoss) -> list[str]:
    """What makes the answer less than complete although everything was counted."""
    found = [f"{name}: {note}." for name, table in loss.tables.items() for note in table.notes]
    if loss.added:
        found.append(
            "Which rows of the tables that came with the migration were written by people is not told: "
            f"{_join(f'{name} ({rows:,})' for name, rows in loss.added.items())}."
        )
    if loss.untold:
        found.append(f"No comparison tells this: {_join(loss.untold)}.")
    return found


def _iterate_unknown(loss: RollbackLoss) -> Iterator[str]:
    for what, reason in loss.unknown.items():
        yield f"{what} ({reason})"


def _describe_rows(loss: RollbackLoss) -> str:
    """“12 rows created, 3 changed, 1 deleted in 4 tables: orders (9 created), …”."""
    parts = []
    if loss.tables:
        least = "at least " if loss.at_least else ""
        totals = _name_counts((kind, loss.total(kind)) for kind in KINDS)
        ordered = sorted(loss.tables.items(), key=lambda entry: (-entry[1].rows, entry[0]))
        names = _join(f"{name} ({_counts_of(table)})" for name, table in ordered)
        plural = "" if len(ordered) == 1 else "s"
        parts.append(f"{least}{totals} in {len(ordered)} table{plural}: {names}")
    if loss.added:
        added = _join(f"{name} ({rows:,})" for name, rows in loss.added.items())
        parts.append(f"all rows of tables that the backup does not have: {added}")
    return "; ".join(parts)


def _counts_of(table: TableLoss) -> str:
    return ", ".join(f"{getattr(table, kind):,} {kind}" for kind in KINDS if getattr(table, kind))


def _name_counts(counts: Iterable[tuple[str, int]]) -> str:
    found = [(kind, number) for kind, number in counts if number]
    (kind, number), *more = found
    first = f"{number:,} row{'' if number == 1 else 's'} {kind}"
    return ", ".join([first, *(f"{number:,} {kind}" for kind, number in more)])


def _describe_money(money: Iterable[LostMoney]) -> Iterator[str]:
    for each in money:
        least = "at least " if each["at_least"] else ""
        if each["groups"]:
            yield f"Money in created {each['table']}: {least}{_join_groups(each['groups'])}."
        if each["changed_to"]:
            then, now = _join_groups(each["changed_from"]), _join_groups(each["changed_to"])
            yield f"Money in changed {each['table']}: {least}{then} then, {now} now."
        if each["deleted"]:
            yield f"Money in {each['table']} that would come back: {least}{_join_groups(each['deleted'])}."


def _join_groups(groups: list[MoneyGroup]) -> str:
    return _join(" ".join([group["sum"], *group["by"]]) for group in groups)


def _join(words: Iterable[str]) -> str:
    found = list(words)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more
