"""What going back would cost is counted from the backup's own moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

ACTION = registry()["rollback.assess"]
TAKEN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture
def bind(app_database: AppDatabase, new_context: Callable[..., Context]) -> Callable[..., Any]:
    app_database.execute(
        "alter table donations add created_at timestamp, add status text default 'completed';"
        "update donations set created_at = '2026-11-01'; create table keyless (created_at timestamp)"
    )

    def bound(taken: datetime | None = TAKEN, kept: Any = None, scratch_url: str = "", **raw: Any) -> Any:
        evidence = {"take": {"backup": {"taken_at": taken.isoformat()}}} if taken else {}
        systems = {"live": {"kind": "postgres", "url": app_database.admin_url}}
        if kept:
            evidence["prove"] = kept
            systems["scratch"] = {"kind": "postgres", "url": scratch_url}
            raw |= {"verified": "prove", "scratch": "scratch"}
        context = new_context(systems, **evidence)
        money = [{"table": "donations", "sum": "amount", "by": ["currency", "status"]}]
        return ACTION.bind({"database": "live", "backup": "take", "money": money, **raw}, context)

    return bound


def test_nothing_made_since_costs_only_the_time(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(), report)
    assert outcome.ok
    assert "costs only the time" in outcome.summary
    assert report.facts["loss"]["rows"] == 0


def test_new_rows_their_keys_and_their_money_are_named(bind: Any, app_database: AppDatabase) -> None:
    values = bind()
    app_database.execute(
        "insert into donations (amount, currency, created_at) values (12.50, 'GHS', '2026-11-22 03:00:01'),"
        " (7.50, 'GHS', '2026-11-22 04:00'), (99, 'NGN', '2026-11-22 04:00'),"
        " (1000, 'NGN', '2026-11-22 02:59:59');"
        "insert into keyless values ('2026-11-22 05:00')"
    )
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, "it counts, and judges nothing"
    loss = report.facts["loss"]
    assert loss["tables"]["donations"]["rows"] == 3
    assert len(loss["tables"]["donations"]["ids"]) == 3
    assert loss["tables"]["keyless"] == {"rows": 1}
    assert loss["money"][0]["groups"] == [
        {"by": ["GHS", "completed"], "rows": 2, "sum": "20.00"},
        {"by": ["NGN", "completed"], "rows": 1, "sum": "99.00"},
    ]
    assert "20.00 GHS completed" in outcome.summary


def test_the_backups_zone_is_heeded(bind: Any, app_database: AppDatabase) -> None:
    from datetime import timezone

    values = bind(TAKEN.astimezone(timezone(timedelta(hours=5))))
    app_database.execute("insert into donations (amount, created_at) values (1, '2026-11-22 03:30')")
    report = Recorder()
    ACTION.run(values, report)
    assert report.facts["loss"]["rows"] == 1


def test_without_a_backup_there_is_nothing_to_lose_by(bind: Any) -> None:
    with pytest.raises(Problem, match="has left no backup"):
        ACTION.run(bind(None), Recorder())


def test_it_can_be_cancelled_and_only_looks(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind(), Recorder(cancel_when=lambda report: True))
    assert ACTION.probe(bind(), {}).seen == Seen.NOT_DONE
    assert "2026-11-22 03:00:00" in ACTION.preview(bind()).lines[0]


def test_old_rows_whose_empty_time_was_filled_are_no_loss(
    bind: Any, app_database: AppDatabase, new_database: Callable[[], str]
) -> None:
    """What an alignment does: it gives old rows the time of the migration, after the backup."""
    copy = new_database()
    app_database.execute(
        "create table donations (id serial primary key);"
        "insert into donations select from generate_series(1, 500)",
        url=copy,
    )
    app_database.execute(
        "update donations set created_at = '2026-11-22 03:30' where id <= 100;"
        "insert into donations (amount, currency, created_at) values (5, 'GHS', '2026-11-22 04:00');"
        "create table sessions (id text primary key, created_at timestamp);"
        "insert into sessions values ('opens-a-door', '2026-11-22 04:00')"
    )
    name = copy.rpartition("/")[2]
    report = Recorder()
    assert "may be among them" in ACTION.run(bind(), Recorder()).summary
    values = bind(kept={"verified": {"equal": True, "database": name}}, scratch_url=copy)
    outcome = ACTION.run(values, report)
    loss = report.facts["loss"]
    assert {name: one["rows"] for name, one in loss["tables"].items()} == {"donations": 1, "sessions": 1}
    assert loss["money"][0]["groups"] == [{"by": ["GHS", "completed"], "rows": 1, "sum": "5.00"}]
    assert "may be among them" not in outcome.summary
    assert "opens-a-door" not in str(report.facts), "the key of a session is a secret"


def test_a_copy_that_was_not_kept_and_money_without_a_time_are_said(bind: Any) -> None:
    with pytest.raises(Problem, match="has kept no restored backup"):
        ACTION.run(
            bind(kept={"verified": {"equal": False}}, scratch_url="postgresql://127.0.0.1/x"), Recorder()
        )
    with pytest.raises(Problem, match="members of money: has no created_at"):
        ACTION.run(bind(money=[{"table": "members", "sum": "balance", "by": ["name"]}]), Recorder())
