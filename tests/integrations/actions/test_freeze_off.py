"""Lifting the freeze restores the exact state before it, and the application writes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from integrations.actions import ActionParams, Context, ProbeStatus, registry
from integrations.errors import Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
ON, OFF = registry()["freeze.on"], registry()["freeze.off"]


def bind_params(action: Any, database: AppDatabase, context: Make, **evidence: Any) -> ActionParams:
    urls = {"old": database.admin_url, "app": database.app_url}
    made = context({name: {"kind": "postgres", "url": url} for name, url in urls.items()}, **evidence)
    more = {"freeze": "freeze-writes"} if action is OFF else {"watch": 0}
    return action.bind({"database": "old", "application": "app", **more}, made)


def record_freeze(database: AppDatabase, context: Make) -> dict[str, Any]:
    report = Recorder()
    assert ON.run(bind_params(ON, database, context), report).ok
    return report.facts


def catalog(database: AppDatabase) -> list[tuple[Any, ...]]:
    return database.execute(
        "select setdatabase, setconfig from pg_db_role_setting s join pg_roles r on r.oid = setrole"
        f" where rolname = '{database.role}' order by 1"
    )


@pytest.mark.parametrize("own", [None, "off", "on"])
def test_the_exact_previous_setting_comes_back(
    app_database: AppDatabase, new_context: Make, own: str | None
) -> None:
    target = f"alter role {app_database.role} in database {app_database.name} set"
    app_database.execute(f"alter role {app_database.role} set statement_timeout = '90s'")
    if own:
        app_database.execute(f"{target} work_mem = '9MB'")
        app_database.execute(f"{target} default_transaction_read_only = {own}")
        app_database.execute(f"{target} lock_timeout = '3s'")
    before = catalog(app_database)
    facts = record_freeze(app_database, new_context)
    assert own == "on" or catalog(app_database) != before
    report = Recorder()
    outcome = OFF.run(bind_params(OFF, app_database, new_context, freeze_writes=facts), report)
    assert outcome.ok, outcome.summary
    assert catalog(app_database) == before
    assert report.facts["lifted"]["test_write"]["accepted"] is (own != "on")


def test_sessions_from_the_time_of_the_freeze_end_so_that_pools_write_again(
    app_database: AppDatabase, new_context: Make
) -> None:
    facts = record_freeze(app_database, new_context)
    with psycopg.connect(app_database.app_url, autocommit=True) as pooled:
        report = Recorder()
        assert OFF.run(bind_params(OFF, app_database, new_context, freeze_writes=facts), report).ok
        assert report.facts["lifted"]["sessions_ended"] == 1
        with pytest.raises(psycopg.OperationalError):
            pooled.execute("select 1")
    app_database.execute("insert into empty_one values (1)", url=app_database.app_url)


def test_a_freeze_without_evidence_is_lifted_from_the_state_that_it_kept_on_disk(
    app_database: AppDatabase, new_context: Make
) -> None:
    before = catalog(app_database)
    record_freeze(app_database, new_context)
    assert OFF.run(bind_params(OFF, app_database, new_context), Recorder()).ok
    assert catalog(app_database) == before
    params = bind_params(OFF, app_database, new_context)
    assert not list(params.context.folder.glob("freeze-*"))
    assert OFF.run(params, Recorder()).ok  # once more: nothing to lift, nothing broken


def test_a_freeze_of_unknown_origin_is_not_lifted(app_database: AppDatabase, new_context: Make) -> None:
    app_database.set_read_only()
    with pytest.raises(Problem, match="not known") as caught:
        OFF.run(bind_params(OFF, app_database, new_context), Recorder())
    assert "reset" in caught.value.next


def test_a_setting_of_the_whole_database_that_still_forbids_writes_is_a_bad_verdict(
    app_database: AppDatabase, new_context: Make
) -> None:
    facts = record_freeze(app_database, new_context)
    app_database.execute(f"alter database {app_database.name} set default_transaction_read_only = on")
    outcome = OFF.run(bind_params(OFF, app_database, new_context, freeze_writes=facts), Recorder())
    assert not outcome.ok
    assert "25006" in outcome.summary


def test_preview_and_probe_show_the_current_state(app_database: AppDatabase, new_context: Make) -> None:
    facts = record_freeze(app_database, new_context)
    params = bind_params(OFF, app_database, new_context, freeze_writes=facts)
    assert "reset" in OFF.preview(params).lines[0]
    before = OFF.before(params)
    assert before["restore"] is None
    assert OFF.probe(params, before).status is ProbeStatus.NOT_DONE
    OFF.run(params, Recorder())
    assert OFF.probe(params, before).status is ProbeStatus.DONE
