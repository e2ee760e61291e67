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

    def bound(taken: datetime | None = TAKEN, **raw: Any) -> Any:
        evidence = {"take": {"backup": {"taken_at": taken.isoformat()}}} if taken else {}
        context = new_context({"live": {"kind": "postgres", "url": app_database.admin_url}}, **evidence)
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
