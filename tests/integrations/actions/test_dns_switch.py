"""A name is switched not too early, checked at every server, and done when the old stack gets no requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.dns import RecordSet, get_zone, query_server
from integrations.clients.http import HttpClient
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.dns.servers import ZONE, Settings, updated
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder

ACTION = registry()["dns.switch"]
FIRST = RecordSet.of(f"www.{ZONE}", "A", 300, ["192.0.2.1"])
NEW = ["198.51.100.1"]
COUNTED = {"old": "old", "new": "new", "counted_at": ["old-door", "new-door"]}
Doors = tuple[tuple[str, dict[str, str]], tuple[str, dict[str, str]]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with updated(tmp_path_factory.mktemp("dns") / "bind", "bind") as settings:
        yield settings


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture(scope="module")
def doors(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The load balancer of the old address, and that of the new one."""
    other = Stacks(stacks.new, stacks.old)
    folder = tmp_path_factory.mktemp("doors")
    with proxies.haproxy(folder, stacks) as old, proxies.caddy(folder, other) as (address, settings):
        yield old, (address, {**settings, "old": settings["new"], "new": settings["old"]})


@pytest.fixture
def bind(
    served: Settings, stacks: Stacks, doors: Doors, new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    def bind_params(traces: dict[str, Any] | None = None, moment: datetime | None = None, **raw: Any) -> Any:
        systems = {
            "zone": served,
            "old": {"kind": "http", "url": stacks.old},
            "new": {"kind": "http", "url": stacks.new},
            "old-door": {**doors[0][1]},
            "new-door": {**doors[1][1]},
        }
        evidence: dict[str, Any] = {}
        if moment:
            lowered = {"switch_not_before": moment.isoformat(), "after": FIRST.as_facts()}
            evidence["lower"] = {"lowered": lowered}
            raw["lowered"] = "lower"
        context = Context(**{**vars(new_context(systems, **evidence)), "traces": traces or {}})
        return ACTION.bind({"zone": "zone", "name": "www", "patience": 5, **raw}, context)

    yield bind_params
    systems = Systems({"zone": served}, {})
    zone = get_zone(systems["zone"], systems)
    now = zone.read("www", "A")
    if now != FIRST:
        zone.replace(now, FIRST)


def visit(url: str) -> None:
    assert HttpClient(["127.0.0.1"]).request(url, "/").ok


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


def test_a_switch_records_the_old_values_and_can_be_undone(bind: Any, served: Settings) -> None:
    params, report = bind(moment=past(), to=NEW, ttl=60), Recorder()
    before = ACTION.before(params)
    assert ACTION.probe(params, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    assert report.facts["switched"]["before"] == FIRST.as_facts()
    assert query_server(served["server"], FIRST.name, "A").values == tuple(NEW)
    assert ACTION.probe(params, before).status == ProbeStatus.DONE
    back = bind({"switch": report.facts}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert query_server(served["server"], FIRST.name, "A") == FIRST


def test_a_switch_is_refused_until_the_old_ttl_has_run_out(bind: Any, served: Settings) -> None:
    params = bind(moment=datetime.now(UTC) + timedelta(seconds=100), to=NEW)
    with pytest.raises(Problem, match=r"caches may hold the old answer for \d+ s more"):
        ACTION.run(params, Recorder())
    assert ACTION.preview(params).warnings
    assert query_server(served["server"], FIRST.name, "A") == FIRST


def test_a_long_ttl_that_was_never_lowered_is_refused(bind: Any, served: Settings) -> None:
    systems = Systems({"zone": served}, {})
    zone = get_zone(systems["zone"], systems)
    zone.replace(zone.read("www", "A"), FIRST.with_ttl(3600))
    with pytest.raises(Problem, match="Lower the TTL first"):
        ACTION.run(bind(to=NEW), Recorder())


def test_a_ttl_that_was_raised_again_after_it_was_lowered_is_refused(bind: Any, served: Settings) -> None:
    """The moment that the lowering left behind says nothing of what caches learned since."""
    systems = Systems({"zone": served}, {})
    zone = get_zone(systems["zone"], systems)
    zone.replace(zone.read("www", "A"), FIRST.with_ttl(3600))
    params = bind(moment=past(), to=NEW)
    with pytest.raises(Problem, match="has a TTL of 3600 s again, and “lower” had lowered it to 300 s"):
        ACTION.run(params, Recorder())
    assert ACTION.preview(params).warnings


def test_a_switch_is_done_when_no_request_reaches_the_old_stack(bind: Any, doors: Doors) -> None:
    report = Visited(doors[0][0], doors[1][0])
    outcome = ACTION.run(bind(to=NEW, window=0.6, patience=20, **COUNTED), report)
    assert outcome.ok, outcome.summary
    assert "0 % reached the old stack" in outcome.summary
    assert report.points[0]["old_percent"] == 100
    assert report.points[-1]["old_percent"] == 0
    assert report.facts["switched"]["people"]["counted_at"] == "“old-door” and “new-door”"


def test_requests_that_stay_at_the_old_stack_keep_it_red(bind: Any, doors: Doors) -> None:
    report = Visited(doors[0][0], doors[0][0])
    outcome = ACTION.run(bind(to=NEW, window=0.4, patience=0.5, **COUNTED), report)
    assert not outcome.ok
    assert "reached the old stack: old answers are cached" in outcome.summary
    assert report.facts["switched"]["before"] == FIRST.as_facts(), "what an undo needs is kept"


def test_a_switch_whose_requests_nobody_counts_is_not_green(bind: Any, doors: Doors) -> None:
    report = Visited(doors[0][0], doors[1][0])
    outcome = ACTION.run(bind(to=NEW, old="old", new="new", window=0.4, patience=5), report)
    assert not outcome.ok
    assert "Nothing counts the requests to “old” and “new”" in outcome.summary
    assert report.facts["switched"]["people"]["requests"] is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [("A", "10.0.0"), ("A", "lb.move.test"), ("A", "2001:db8::1"), ("AAAA", "192.0.2.1"), ("CNAME", "a b")],
)
def test_a_value_that_the_type_cannot_have_is_refused(bind: Any, kind: str, value: str) -> None:
    with pytest.raises(forms.ValidationError, match=f"as a record of type {kind} needs"):
        bind(to=[value], type=kind)
    assert bind(to=["lb.move.test."], type="CNAME").to


def test_the_form_refuses_missing_parameters(bind: Any) -> None:
    with pytest.raises(forms.ValidationError, match="Name to:, or back_to:"):
        bind()
    with pytest.raises(forms.ValidationError, match="Name old: and new: together"):
        bind(to=NEW, old="old")
