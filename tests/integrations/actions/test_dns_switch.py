"""A name is switched when it may be, seen at every server, and done when nobody reaches the old stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.dns import RecordSet, answers_of, zone_of
from integrations.clients.http import Caller
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.dns.servers import ZONE, Settings, updated
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder

ACTION = registry()["dns.switch"]
FIRST = RecordSet.of(f"www.{ZONE}", "A", 300, ["192.0.2.1"])
NEW = ["198.51.100.1"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with updated(tmp_path_factory.mktemp("dns") / "bind", "bind") as settings:
        yield settings


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture
def bind(
    served: Settings, stacks: Stacks, new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    stack = {"kind": "http", "requests": "/requests"}

    def bound(traces: dict[str, Any] | None = None, moment: datetime | None = None, **raw: Any) -> Any:
        systems = {
            "zone": served,
            "old": {**stack, "url": stacks.old, "marker": "server: old-app"},
            "new": {**stack, "url": stacks.new, "marker": "server: new-api"},
        }
        evidence: dict[str, Any] = {}
        if moment:
            lowered = {"switch_not_before": moment.isoformat(), "after": FIRST.as_facts()}
            evidence["lower"] = {"lowered": lowered}
            raw["lowered"] = "lower"
        context = Context(**{**vars(new_context(systems, **evidence)), "traces": traces or {}})
        return ACTION.bind({"zone": "zone", "name": "www", "patience": 5, **raw}, context)

    yield bound
    systems = Systems({"zone": served}, {})
    zone = zone_of(systems["zone"], systems)
    now = zone.read("www", "A")
    if now != FIRST:
        zone.replace(now, FIRST)


def visit(url: str) -> None:
    assert Caller(["127.0.0.1"]).ask(url, "/").ok


class Visited(Recorder):
    """People come while it counts: to ``where`` first, then to ``then``."""

    def __init__(self, where: str, then: str) -> None:
        super().__init__()
        self.where, self.then = where, then

    def progress(self, done: float, total: float, what: str = "") -> None:
        if "counting" in what:
            where = self.where if not self.points else self.then
            threading.Thread(target=visit, args=(where,)).start()


def past() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


def test_it_is_switched_with_the_old_set_as_evidence_and_taken_back(bind: Any, served: Settings) -> None:
    values, report = bind(moment=past(), to=NEW, ttl=60), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert report.facts["switched"]["before"] == FIRST.as_facts()
    assert answers_of(served["server"], FIRST.name, "A").values == tuple(NEW)
    assert ACTION.probe(values, before).seen == Seen.DONE
    back = bind({"switch": report.facts}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert answers_of(served["server"], FIRST.name, "A") == FIRST


def test_it_waits_until_the_old_ttl_has_run_out(bind: Any, served: Settings) -> None:
    values = bind(moment=datetime.now(UTC) + timedelta(seconds=100), to=NEW)
    with pytest.raises(Problem, match=r"caches may hold the old answer for \d+ s more"):
        ACTION.run(values, Recorder())
    assert ACTION.preview(values).warnings
    assert answers_of(served["server"], FIRST.name, "A") == FIRST


def test_a_long_ttl_that_was_never_lowered_is_refused(bind: Any, served: Settings) -> None:
    systems = Systems({"zone": served}, {})
    zone = zone_of(systems["zone"], systems)
    zone.replace(zone.read("www", "A"), FIRST.with_ttl(3600))
    with pytest.raises(Problem, match="so long people would be split"):
        ACTION.run(bind(to=NEW), Recorder())


def test_a_ttl_that_was_raised_again_after_it_was_lowered_is_refused(bind: Any, served: Settings) -> None:
    """The moment that the lowering left behind says nothing of what caches learned since."""
    systems = Systems({"zone": served}, {})
    zone = zone_of(systems["zone"], systems)
    zone.replace(zone.read("www", "A"), FIRST.with_ttl(3600))
    values = bind(moment=past(), to=NEW)
    with pytest.raises(Problem, match="has a TTL of 3600 s again, and “lower” had lowered it to 300 s"):
        ACTION.run(values, Recorder())
    assert ACTION.preview(values).warnings


def test_it_is_done_when_nobody_reaches_the_old_stack(bind: Any, stacks: Stacks) -> None:
    report = Visited(stacks.old, stacks.new)
    outcome = ACTION.run(bind(to=NEW, old="old", new="new", window=0.6, patience=20), report)
    assert outcome.ok, outcome.summary
    assert "0 % reached the old stack" in outcome.summary
    assert report.points[0]["old_percent"] == 100
    assert report.points[-1]["old_percent"] == 0


def test_whoever_stays_at_the_old_stack_keeps_it_red(bind: Any, stacks: Stacks) -> None:
    report = Visited(stacks.old, stacks.old)
    outcome = ACTION.run(bind(to=NEW, old="old", new="new", window=0.4, patience=0.5), report)
    assert not outcome.ok
    assert "reached the old stack: old answers are cached" in outcome.summary
    assert report.facts["switched"]["before"] == FIRST.as_facts(), "what an undo needs is kept"


def test_what_it_needs_is_asked_for(bind: Any) -> None:
    from django import forms

    with pytest.raises(forms.ValidationError, match="Name to:, or back_to:"):
        bind()
    with pytest.raises(forms.ValidationError, match="Name old: and new: together"):
        bind(to=NEW, old="old")
