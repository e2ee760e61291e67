"""Tables that must not be empty are counted, and no further than necessary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

ACTION = registry()["rows.present"]


@pytest.fixture
def bind(app_database: AppDatabase, new_context: Callable[..., Context]) -> Callable[..., Any]:
    context = new_context({"live": {"kind": "postgres", "url": app_database.admin_url}})
    return lambda *tables, **raw: ACTION.bind({"database": "live", "tables": list(tables), **raw}, context)


def test_tables_with_enough_rows_pass(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind("members", "public.donations", at_least=3), report)
    assert outcome.ok, outcome.summary
    assert report.facts["rows"] == {"members": 3, "public.donations": 3}
    assert ACTION.probe(bind("members"), {}).status == ProbeStatus.NOT_DONE


def test_an_empty_table_is_named_with_the_remedy(bind: Any) -> None:
    outcome = ACTION.run(bind("members", "empty_one"), Recorder())
    assert not outcome.ok
    assert "Fewer than 1 row(s): empty_one" in outcome.summary
    assert "insert what the migration would have inserted" in outcome.summary


def test_a_missing_table_is_an_error(bind: Any) -> None:
    with pytest.raises(Problem, match="nowhere cannot be read"):
        ACTION.run(bind("nowhere"), Recorder())


def test_the_preview_says_what_is_counted(bind: Any) -> None:
    assert ACTION.preview(bind("members")).lines == ["Count up to 1 row(s) of members."]
