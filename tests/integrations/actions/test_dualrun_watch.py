"""The sandbox's old application and new API on one database: what differs is found, and ends the watch."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django import forms

from cutover.embedded import Postgres
from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import bullmq, http
from integrations.errors import Cancelled, Problem
from integrations.sandbox.legacy.access import API, APPLICATION, READER
from integrations.systems import Systems
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import Estate, estate_on, running
from tests.integrations.sandbox.queues import QUEUE, valkey

ACTION = registry()["dualrun.watch"]
TIME, MONEY = {"as": "time"}, {"as": "money"}
GIFTS = {
    "old": "/api/donations",
    "new": "/donations",
    "old_at": "donations",
    "key": "id",
    "ignore": ["member_id"],
    "fields": {"payment_info": "metadata", "amount": MONEY, "created_at": TIME, "updated_at": TIME},
}
READS = [
    GIFTS,
    {
        "old": "/api/prayer-requests",
        "new": "/prayer/requests",
        "old_at": "prayer_requests",
        "key": "id",
        "ignore": ["first_name", "last_name", "avatar_url"],
        "fields": {"request": "content", "created_at": TIME},
    },
    {
        "old": "/api/churches",
        "new": "/churches",
        "old_at": "churches",
        "key": "id",
        "ignore": ["timezone", "country", "state", "city", "settings", "updated_at"],
        "fields": {"created_at": TIME},
    },
]
TOLD = {
    "old": {"path": "/api/reports/giving", "at": "totals"},
    "new": {"path": "/reports/dashboard", "at": "totals"},
}
ROWS = """
INSERT INTO donations (donor_name, amount, currency, status, reference, updated_at)
  SELECT 'Ada ' || i, i / 7.0, (ARRAY['NGN', 'GHS'])[1 + i % 2], 'completed', 'r' || i, now()
  FROM generate_series(1, 60) i;
INSERT INTO prayer_requests (name, request, is_public)
  SELECT 'Eve', 'Please ' || i, true FROM generate_series(1, 5) i
"""


@dataclass(frozen=True)
class Stacks:
    """Old and new on one database; ``other``: the new API on another one, in which a gift differs."""

    old: str
    new: str
    other: str
    database: str
    reader: str
    mood: Path
    estate: Estate

    def pray(self, text: str) -> None:
        query = "INSERT INTO prayer_requests (name, request, is_public) VALUES ('A', %s, true)"
        self.estate.execute(query, text, database=self.database)


@pytest.fixture(scope="module")
def stacks(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    folder = tmp_path_factory.mktemp("dual")
    with estate_on(postgres_server, folder / "sandbox", rows=1000) as estate:
        name, other = estate.migrated(), estate.migrated()
        for database in (name, other):
            with psycopg.connect(estate.admin(database)) as admin:
                admin.execute(ROWS)
                admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {APPLICATION}")
        estate.execute("UPDATE donations SET amount = amount + 1 WHERE reference = 'r40'", database=other)
        old = estate.process("old-app", DATABASE_URL=estate.url(APPLICATION, name), WRITES_PER_SECOND="0.01")
        new = estate.process("new-api", DATABASE_URL=estate.url(API, name), MOOD_FILE=str(folder / "mood"))
        wrong = estate.process("new-api", DATABASE_URL=estate.url(API, other))
        with running(old) as a, running(new) as b, running(wrong) as c:
            yield Stacks(a, b, c, name, estate.url(READER, name), folder / "mood", estate)


@pytest.fixture
def bind(stacks: Stacks, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(*, new: str = "", queue_url: str = "redis://127.0.0.1:1/0", **params: Any) -> Any:
        systems = {
            "old": {"kind": "http", "url": stacks.old},
            "new": {"kind": "http", "url": new or stacks.new},
            "reader": {"kind": "postgres", "url": stacks.reader},
            "queue": {"kind": "redis", "url": queue_url},
            "fincra": {"kind": "payments", "provider": "fincra", "url": stacks.old, "secret_key": "x"},
        }
        given = {"old": "old", "new": "new", "reads": READS, "seconds": 0, "every": 0.1, **params}
        return ACTION.bind(given, new_context(systems))

    return bound


def watch(values: Any, report: Recorder | None = None) -> tuple[Any, dict[str, Any], Recorder]:
    report = report or Recorder()
    outcome = ACTION.run(values, report)
    return outcome, report.facts["dual_run"], report


def test_two_stacks_on_one_database_answer_the_same(bind: Any) -> None:
    values = bind(seconds=0.6, money=TOLD, database="reader", providers=["fincra"])
    outcome, facts, report = watch(values)
    assert outcome.ok, outcome.summary
    assert "money is the same" in outcome.summary
    assert facts["rounds"] > 1
    assert facts["differences"] == facts["old"]["errors"] == facts["new"]["errors"] == 0
    assert facts["reads"]["/api/donations → /donations"]["old_rows"] == 50
    assert set(facts["money"]["totals"]) == {"old", "new", "database"}
    assert facts["money"]["equal"] is True
    assert "no total that can be asked cheaply" in facts["providers"]["fincra"]["not_known"]
    assert {"differences", "new_p95_ms", "new_errors_percent"} <= set(report.points[0])
    assert facts["new"]["p95_ms"] > 0


def test_a_form_that_is_not_declared_is_a_difference_with_its_place_and_ends_the_watch(bind: Any) -> None:
    undeclared = {**GIFTS, "fields": {**GIFTS["fields"], "amount": "amount"}}
    outcome, facts, _ = watch(bind(seconds=60, reads=[undeclared]))
    assert not outcome.ok
    assert "50 difference(s) between old and new, 0 are borne" in outcome.summary
    assert facts["broken_after_seconds"] < 60
    example = facts["examples"][0]
    assert example["path"].startswith("donations[id=")
    assert example["path"].endswith(".amount")
    assert (example["old"][0].isdigit(), example["new"][0]) == (True, '"')


def test_another_sum_is_found_in_the_rows_and_in_the_money(bind: Any, stacks: Stacks) -> None:
    bounds = {"max_differences": 1000}
    outcome, facts, _ = watch(bind(new=stacks.other, bounds=bounds, money=TOLD))
    assert not outcome.ok
    assert "Money differs by currency and status: NGN completed" in outcome.summary
    assert facts["money"]["equal"] is False
    assert facts["money"]["totals"]["old"] != facts["money"]["totals"]["new"]
    assert any(example["path"].endswith(".amount") for example in facts["examples"])
    assert facts["by_field"]["/api/donations → /donations: donations[].amount"] == 1


def test_a_write_between_two_questions_is_no_difference(bind: Any, stacks: Stacks) -> None:
    asked, original = list[str](), http.Caller.ask

    def asking(self: http.Caller, base: str, path: str = "", **more: Any) -> http.Reply:
        """The real question; before the first to the new side, somebody prays."""
        if path == "/prayer/requests" and not asked:
            asked.append(path)
            stacks.pray("between the two questions")
        return original(self, base, path, **more)

    report = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.Caller, "ask", asking)
        outcome = ACTION.run(bind(reads=READS[1:2]), report)
    assert outcome.ok, outcome.summary
    seen = report.facts["dual_run"]["reads"]["/api/prayer-requests → /prayer/requests"]
    assert seen["not_yet"] == 1


def test_errors_of_the_new_side_break_their_bound_at_once(bind: Any, stacks: Stacks) -> None:
    stacks.mood.touch()
    try:
        outcome, facts, _ = watch(bind(seconds=60))
    finally:
        stacks.mood.unlink()
    assert not outcome.ok
    assert "The new side failed" in outcome.summary
    assert facts["new"]["error_percent"] == 100
    assert facts["old"]["errors"] == 0
    assert facts["broken_after_seconds"] < 60


def test_a_slow_answer_and_a_full_queue_break_their_bounds(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "queue") as url:
        bullmq.send(url, QUEUE, "bull", "canary", {})
        bounds = {"max_waiting": 0, "max_p95_ms": 0.1}
        outcome, facts, report = watch(bind(redis="queue", queue=QUEUE, queue_url=url, bounds=bounds))
    assert "1 jobs wait in the queue, 0 are borne" in outcome.summary
    assert "p95 is" in outcome.summary
    assert facts["queue"]["most_waiting"] == 1
    assert report.points[0]["waiting"] == 1


def test_what_was_never_compared_or_empty_is_not_green(bind: Any) -> None:
    nowhere = {"old": "/api/none", "new": "/none"}
    outcome, facts, _ = watch(bind(reads=[*READS, nowhere], bounds={"max_error_percent": 100}))
    assert not outcome.ok
    assert "Never compared: /api/none → /none" in outcome.summary
    assert "404" in facts["reads"]["/api/none → /none"]["not_compared"][0]
    empty = {"old": "/api/events", "new": "/events", "old_at": "events"}
    outcome, _, _ = watch(bind(reads=[empty]))
    assert "empty on both sides" in outcome.summary


def test_a_cancel_keeps_what_was_measured_and_a_probe_finds_nothing_left(bind: Any) -> None:
    report = Recorder(cancel_when=lambda report: len(report.points) > 1)
    values = bind(seconds=600)
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert report.facts["dual_run"]["rounds"] == 2
    assert ACTION.probe(values, ACTION.before(values)).seen is Seen.NOT_DONE


def test_a_live_key_in_a_rehearsal_is_refused_before_anything_is_asked(bind: Any, stacks: Stacks) -> None:
    live = {
        "kind": "payments",
        "provider": "stripe",
        "url": stacks.old,
        "secret_key": f"sk_live_{uuid.uuid4()}",
    }
    values = bind(database="reader", providers=["fincra"])
    values.providers = [Systems({"stripe": live}, environ={})["stripe"]]
    report = Recorder()
    with pytest.raises(Problem, match="live key, and this is a rehearsal"):
        ACTION.run(values, report)
    assert not report.facts


def test_the_preview_names_every_question_and_bound(bind: Any, stacks: Stacks) -> None:
    shown = ACTION.preview(
        bind(money=TOLD, database="reader", redis="queue", queue=QUEUE, providers=["fincra"])
    )
    text = "\n".join([*shown.lines, shown.where])
    for part in (
        "/api/donations",
        "/reports/dashboard",
        "reader",
        QUEUE,
        "fincra",
        "max_p95_ms 2000",
        stacks.old,
    ):
        assert part in text
    assert ACTION.preview(bind()).warnings


@pytest.mark.parametrize(
    "params",
    [
        {"reads": []},
        {"reads": [{"old": "x"}]},
        {"bounds": {"max_errors": 1}},
        {"bounds": {"max_p95_ms": "fast"}},
        {"money": {"old": {"path": "/x"}}},
        {"money": {"old": {"path": "x"}, "new": {"path": "/x"}}},
        {"redis": "queue"},
        {"providers": ["fincra"]},
        {"providers": ["nobody"], "database": "reader"},
    ],
)
def test_a_mistake_in_the_runbook_is_refused(bind: Any, params: Any) -> None:
    with pytest.raises(forms.ValidationError):
        bind(**params)
