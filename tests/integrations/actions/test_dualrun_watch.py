"""Two stacks that answer the same, or not: differences are found and end the watch."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django import forms

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import bullmq, http
from integrations.errors import Cancelled, Problem
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import QUEUE, valkey
from tests.ports import free_port
from tests.waiting import wait_for

ACTION = registry()["dualrun.watch"]
TIME, MONEY, TEXT = {"as": "time"}, {"as": "money"}, {"as": "text"}
GIFTS = {
    "old": "/api/gifts",
    "new": "/gifts?page=1&pageSize=1000",
    "old_at": "gifts",
    "new_at": "data",
    "key": "id",
    "ignore": ["memberId"],
    "fields": {
        "id": TEXT,
        "amount": MONEY,
        "note": {"name": "memo", "as": "empty"},
        "created": {"name": "createdAt", "as": "time"},
    },
}
EVENTS = {"old": "/api/events", "new": "/events", "new_at": "data", "ordered": False, "key": "id"}
TOLD = {
    "old": {"path": "/api/totals", "at": "totals"},
    "new": {"path": "/totals", "at": "totals", "amount": "sum", "count": "number"},
}
BOOKED = {"table": "public.takings", "provider": "method", "amount": "value", "paid": ["success", "done"]}
SERVED = """
import json, pathlib, sys
from integrations.sandbox.serving import Answer, serve
folder = pathlib.Path(sys.argv[2])
def answer(asked):
    file = folder / (asked.path.strip("/").replace("/", "-") or "root")
    found = json.loads(file.read_text()) if file.exists() else {"status": 404, "body": {"message": "none"}}
    return Answer(found["status"], found["body"])
serve(int(sys.argv[1]), answer, name="stack")
"""


@dataclass(frozen=True)
class Stack:
    """A program whose answers are files."""

    url: str
    folder: Path

    def answer(self, path: str, body: Any, status: int = 200) -> None:
        file = self.folder / path.strip("/").replace("/", "-")
        file.write_text(json.dumps({"status": status, "body": body}))


def gift(number: int, **changed: Any) -> dict[str, Any]:
    made = {"id": number, "amount": number / 7, "note": None, "created": "2026-01-01T10:00:00.123456"}
    return {**made, **changed}


def new_gift(number: int, **changed: Any) -> dict[str, Any]:
    made = {"id": str(number), "amount": f"{number / 7:.2f}", "memo": "", "memberId": None}
    return {**made, "createdAt": "2026-01-01T10:00:00.123Z", **changed}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:
    made, children = [], []
    for name in ("old", "new"):
        folder, port = tmp_path_factory.mktemp(name), free_port()
        argv = [sys.executable, "-c", SERVED, str(port), str(folder)]
        children.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        made.append(Stack(f"http://127.0.0.1:{port}", folder))
    for stack in made:
        wait_for(lambda stack=stack: proxies.answers(stack.url))
    yield made[0], made[1]
    for child in children:
        child.terminate()
        child.wait(90)


@pytest.fixture
def stacks(served: tuple[Stack, Stack]) -> tuple[Stack, Stack]:
    """Both with the same sixty gifts, three events and totals."""
    old, new = served
    old.answer("/api/gifts", {"gifts": [gift(n) for n in range(1, 61)]})
    new.answer("/gifts", {"data": [new_gift(n) for n in range(1, 61)], "total": 60})
    old.answer("/api/events", [{"id": n} for n in (1, 2, 3)])
    new.answer("/events", {"data": [{"id": n} for n in (3, 1, 2)]})
    row = {"currency": "NGN", "status": "success"}
    old.answer("/api/totals", {"totals": [{**row, "total": 12.5, "gifts": 2}]})
    new.answer("/totals", {"totals": [{**row, "sum": "12.50", "number": 2}]})
    return old, new


@pytest.fixture(scope="module")
def reader(module_database: str) -> str:
    """The address of a database with three payments."""
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE takings (method text, currency text, status text, value numeric(10,2),"
            " created_at timestamp)"
        )
        connection.cursor().executemany(
            "INSERT INTO takings VALUES (%s, 'NGN', %s, %s, now() AT TIME ZONE 'utc' + interval '1 minute')",
            [("fincra", "success", 7.5), ("fincra", "done", 5), ("fincra", "pending", 99)],
        )
    return module_database


@pytest.fixture
def bind(stacks: tuple[Stack, Stack], reader: str, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bind_params(*, queue_url: str = "redis://127.0.0.1:1/0", **params: Any) -> Any:
        systems = {
            "old": {"kind": "http", "url": stacks[0].url},
            "new": {"kind": "http", "url": stacks[1].url},
            "reader": {"kind": "postgres", "url": reader},
            "queue": {"kind": "redis", "url": queue_url},
            "fincra": {"kind": "payments", "provider": "fincra", "url": stacks[0].url, "secret_key": "x"},
        }
        given = {"old": "old", "new": "new", "reads": [GIFTS, EVENTS], "seconds": 0, "every": 0.1, **params}
        return ACTION.bind(given, new_context(systems))

    return bind_params


def watch(values: Any, report: Recorder | None = None) -> tuple[Any, dict[str, Any], Recorder]:
    report = report or Recorder()
    outcome = ACTION.run(values, report)
    return outcome, report.facts["dual_run"], report


def test_two_stacks_with_the_same_rows_answer_the_same(bind: Any) -> None:
    outcome, facts, report = watch(bind(seconds=0.6, money=TOLD))
    assert outcome.ok, outcome.summary
    assert "money is the same" in outcome.summary
    assert facts["rounds"] > 1
    assert facts["differences"] == facts["old"]["errors"] == facts["new"]["errors"] == 0
    assert facts["reads"]["/api/gifts → /gifts?page=1&pageSize=1000"]["old_rows"] == 60
    assert facts["money"]["equal"] is True
    assert {"differences", "new_p95_ms", "new_errors_percent"} <= set(report.points[0])


def test_an_undeclared_form_is_a_difference_with_its_path_and_ends_the_watch(bind: Any) -> None:
    undeclared = {**GIFTS, "fields": {**GIFTS["fields"], "amount": "amount"}}
    outcome, facts, _ = watch(bind(seconds=60, reads=[undeclared]))
    assert not outcome.ok
    assert "60 difference(s) between old and new in gifts[].amount, 0 are tolerated" in outcome.summary
    assert facts["broken_after_seconds"] < 60
    assert facts["examples"][0]["path"].startswith("gifts[id=")
    assert facts["examples"][0]["path"].endswith(".amount")


def test_a_key_without_its_kind_pairs_nothing(bind: Any) -> None:
    """The old stack says 7, the new “7”: without the declaration each row is missing on the other side."""
    fields = {name: rule for name, rule in GIFTS["fields"].items() if name != "id"}
    outcome, facts, _ = watch(bind(reads=[{**GIFTS, "fields": fields}]))
    assert not outcome.ok
    assert facts["differences"] >= 120


def test_another_amount_is_found_in_the_rows_and_in_the_totals(bind: Any, stacks: Any) -> None:
    rows = [new_gift(n, **({"amount": "99.00"} if n == 40 else {})) for n in range(1, 61)]
    stacks[1].answer("/gifts", {"data": rows})
    row = {"currency": "NGN", "status": "success", "sum": "13.50", "number": 2}
    stacks[1].answer("/totals", {"totals": [row]})
    outcome, facts, _ = watch(bind(bounds={"max_differences": 1000}, money=TOLD))
    assert not outcome.ok
    assert "Money differs by currency and status: NGN success" in outcome.summary
    assert facts["money"]["equal"] is False
    assert [one["path"] for one in facts["examples"]] == ['gifts[id="40"].amount']


def test_a_missing_row_is_found(bind: Any, stacks: Any) -> None:
    stacks[1].answer("/gifts", {"data": [new_gift(n) for n in range(1, 60)]})
    outcome, facts, _ = watch(bind())
    assert not outcome.ok
    assert facts["examples"][0]["path"] == 'gifts[id="60"]'


def test_totals_of_the_database_are_kept_by_currency_and_status(bind: Any) -> None:
    outcome, facts, _ = watch(bind(database="reader", booked=BOOKED, providers=["fincra"]))
    assert outcome.ok, outcome.summary
    assert facts["money"]["equal"] is None, "the database alone is compared with nothing"
    expected = ["NGN done: 5.00 in 1", "NGN pending: 99.00 in 1", "NGN success: 7.50 in 1"]
    assert facts["money"]["totals"] == facts["money"]["first_totals"] == {"database": expected}
    assert facts["providers"]["fincra"]["booked"] == {"NGN": "12.50"}
    assert "no request for a total" in facts["providers"]["fincra"]["not_known"]
    assert Decimal(facts["providers"]["fincra"]["booked"]["NGN"]) == Decimal("7.5") + 5


def test_a_column_that_the_table_does_not_have_is_named(bind: Any) -> None:
    with pytest.raises(Problem, match='column "provider" does not exist'):
        ACTION.run(
            bind(database="reader", booked={**BOOKED, "provider": "provider"}, providers=["fincra"]),
            Recorder(),
        )
    with pytest.raises(Problem, match='column "sum" does not exist'):
        ACTION.run(bind(database="reader", booked={**BOOKED, "amount": "sum"}), Recorder())


def test_a_write_between_two_requests_is_no_difference(bind: Any, stacks: Any) -> None:
    asked, original = list[str](), http.HttpClient.request

    def asking(self: http.HttpClient, base: str, path: str = "", **more: Any) -> http.Response:
        """The real request; before the first to the new side, somebody writes."""
        if path == "/events" and not asked:
            asked.append(path)
            stacks[0].answer("/api/events", [{"id": n} for n in (1, 2, 3, 4)])
            stacks[1].answer("/events", {"data": [{"id": n} for n in (3, 1, 2, 4)]})
        return original(self, base, path, **more)

    report = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.HttpClient, "request", asking)
        outcome = ACTION.run(bind(reads=[EVENTS]), report)
    assert outcome.ok, outcome.summary
    assert report.facts["dual_run"]["reads"]["/api/events → /events"]["not_yet"] == 1


def test_errors_of_the_new_side_break_their_limit_at_once(bind: Any, stacks: Any) -> None:
    stacks[1].answer("/gifts", {"message": "Internal server error"}, 500)
    stacks[1].answer("/events", {"message": "Internal server error"}, 500)
    outcome, facts, _ = watch(bind(seconds=60))
    assert not outcome.ok
    assert "The new side failed" in outcome.summary
    assert facts["new"]["error_percent"] == 100
    assert facts["old"]["errors"] == 0
    assert facts["broken_after_seconds"] < 60


def test_a_slow_answer_and_a_full_queue_break_their_limits(bind: Any, tmp_path: Path) -> None:
    with valkey(tmp_path / "queue") as url:
        bullmq.add_job(url, QUEUE, "bull", "canary", {})
        bounds = {"max_waiting": 0, "max_p95_ms": 0.1}
        outcome, facts, report = watch(bind(redis="queue", queue=QUEUE, queue_url=url, bounds=bounds))
    assert "1 jobs wait in the queue, 0 are tolerated" in outcome.summary
    assert "p95 is" in outcome.summary
    assert facts["queue"]["most_waiting"] == 1
    assert report.points[0]["waiting"] == 1


def test_what_was_never_compared_or_empty_is_not_green(bind: Any, stacks: Any) -> None:
    nowhere = {"old": "/api/none", "new": "/none"}
    outcome, facts, _ = watch(bind(reads=[GIFTS, nowhere], bounds={"max_error_percent": 100}))
    assert not outcome.ok
    assert "Never compared: /api/none → /none" in outcome.summary
    assert "404" in facts["reads"]["/api/none → /none"]["not_compared"][0]
    stacks[0].answer("/api/events", [])
    stacks[1].answer("/events", {"data": []})
    outcome, _, _ = watch(bind(reads=[EVENTS]))
    assert not outcome.ok
    assert "empty on both sides" in outcome.summary


def test_a_cancel_keeps_what_was_measured_and_a_probe_finds_nothing_left(bind: Any) -> None:
    report = Recorder(cancel_when=lambda report: len(report.points) > 1)
    values = bind(seconds=600)
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert report.facts["dual_run"]["rounds"] == 2
    assert ACTION.probe(values, ACTION.before(values)).status is ProbeStatus.NOT_DONE


def test_a_live_key_in_a_rehearsal_is_refused_before_any_request(bind: Any, stacks: Any) -> None:
    key = f"sk_live_{uuid.uuid4()}"
    live = {"kind": "payments", "provider": "stripe", "url": stacks[0].url, "secret_key": key}
    values = bind(database="reader", booked=BOOKED, providers=["fincra"])
    values = replace(values, providers=[Systems({"stripe": live}, environ={})["stripe"]])
    report = Recorder()
    with pytest.raises(Problem, match="live key, and this is a rehearsal"):
        ACTION.run(values, report)
    assert not report.facts


def test_the_preview_names_every_request_and_limit(bind: Any, stacks: Any) -> None:
    more = {"database": "reader", "booked": BOOKED, "redis": "queue", "queue": QUEUE}
    shown = ACTION.preview(bind(money=TOLD, providers=["fincra"], **more))
    text = "\n".join([*shown.lines, shown.where])
    for part in ("/api/gifts", "/totals", "reader, public.takings", QUEUE, "fincra", "max_p95_ms 2000"):
        assert part in text
    assert stacks[0].url in text
    assert ACTION.preview(bind()).warnings


def test_the_earlier_form_with_a_table_is_still_read(bind: Any) -> None:
    values = bind(database="reader", table="takings")
    assert values.booked.table == "takings"


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
        {"database": "reader"},
        {"booked": BOOKED},
        {"database": "reader", "booked": {"provider": "x"}},
        {"database": "reader", "booked": {**BOOKED, "paid": "success"}},
        {"database": "reader", "booked": {"table": "x", "paid": ["success"]}},
        {"database": "reader", "booked": {**BOOKED, "sum": "x"}},
        {"database": "reader", "booked": {**BOOKED, "amount": 1}},
        {"providers": ["fincra"]},
        {"providers": ["fincra"], "database": "reader", "booked": {"table": "x"}},
        {"providers": ["nobody"], "database": "reader", "booked": BOOKED},
    ],
)
def test_a_mistake_in_the_runbook_is_refused(bind: Any, params: Any) -> None:
    with pytest.raises(forms.ValidationError):
        bind(**params)
