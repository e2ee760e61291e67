"""Weights are shifted in real load balancers, and the requests themselves show that people moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import http
from integrations.clients.proxies import Weights, proxy_of
from integrations.errors import Cancelled, Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import until

ACTION = registry()["lb.shift"]


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture(scope="module", params=sorted(proxies.KINDS))
def door(
    request: pytest.FixtureRequest, stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each load balancer in turn: its public address and its settings."""
    with proxies.KINDS[request.param](tmp_path_factory.mktemp(request.param), stacks) as found:
        yield found


@pytest.fixture
def systems(door: tuple[str, dict[str, str]], stacks: Stacks) -> dict[str, dict[str, str]]:
    public, settings = door
    return {
        "door": settings,
        "public": {"kind": "http", "url": public},
        "old": {"kind": "http", "url": stacks.old, "marker": "server: old-app", "requests": "/requests"},
        "new": {"kind": "http", "url": stacks.new, "marker": "server: new-api", "requests": "/requests"},
    }


@pytest.fixture
def bind(
    systems: dict[str, dict[str, str]], new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    raw = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "seconds": 0.8}

    def bound(traces: dict[str, Any] | None = None, **more: Any) -> Any:
        context = Context(**{**vars(new_context(systems)), "traces": traces or {}})
        return ACTION.bind({**raw, **more}, context)

    yield bound
    proxy = proxy_of(Systems(systems, {})["door"], Systems(systems, {}))
    proxy.set(Weights(100, 0), proxy.read()[1])
    until(lambda: those_who_answer(systems["public"]["url"]) == {"old-app"})


def those_who_answer(public: str) -> set[str]:
    """To ten in a row: nginx's workers of before a reload take requests until they hear of it."""
    return {http.ask(public, "/").headers["server"] for _ in range(10)}


def test_everybody_moves_and_comes_back(bind: Any, door: tuple[str, dict[str, str]]) -> None:
    assert those_who_answer(door[0]) == {"old-app"}
    values, report = bind(to=100), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert those_who_answer(door[0]) == {"new-api"}
    assert report.facts["shift"]["before"] == {"old": 100, "new": 0}
    assert report.facts["shift"]["seen"]["old_percent_of_people"] == 0
    assert report.points[-1]["new_share_percent"] == 100
    assert ACTION.probe(values, before).seen == Seen.DONE
    back = bind({"switch": {**before, **report.facts}}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert those_who_answer(door[0]) == {"old-app"}


def test_a_pilot_slice_reaches_both(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(to=25), report)
    assert outcome.ok, outcome.summary
    seen = report.facts["shift"]["seen"]
    assert seen["old"] > seen["new"] > 0


class Straggler(Recorder):
    """Somebody asks the old stack by its own address whenever we ask the public one."""

    def __init__(self, old: str) -> None:
        super().__init__()
        self.old = old

    def progress(self, done: float, total: float, what: str = "") -> None:
        if done % 10 == 0:
            http.ask(self.old, "/")


def test_whoever_still_reaches_the_old_stack_by_another_way_keeps_it_red(bind: Any, stacks: Stacks) -> None:
    report = Straggler(stacks.old)
    outcome = ACTION.run(bind(to=100, seconds=0.1), report)
    assert not outcome.ok
    assert "of people's requests still reach old" in outcome.summary
    assert report.facts["shift"]["seen"]["old"] == 0, "none of our own questions was answered by it"
    assert report.facts["shift"]["seen"]["old_percent_of_people"] > 0
    borne = ACTION.run(bind(to=100, seconds=0.1, share=60), Straggler(stacks.old))
    assert borne.ok, borne.summary


def test_a_change_by_somebody_else_is_not_overwritten(bind: Any, systems: dict[str, dict[str, str]]) -> None:
    known = Systems(systems, {})
    proxy = proxy_of(known["door"], known)
    _, mark = proxy.read()
    proxy.set(Weights(50, 50), mark)
    with pytest.raises(Problem, match="changed by somebody else"):
        proxy.set(Weights(0, 100), mark)
    assert proxy.read()[0] == Weights(50, 50)
    assert ACTION.probe(
        bind(to=100), {"before": {"old": 100, "new": 0}, "wanted": {"old": 0, "new": 100}}
    ).seen == (Seen.PARTIAL)


def test_a_cancel_while_it_looks_leaves_the_weights_as_set(bind: Any) -> None:
    values, report = bind(to=100), Recorder(cancel_when=lambda r: bool(r.steps))
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert report.facts["shift"]["before"] == {"old": 100, "new": 0}
    assert (
        ACTION.probe(values, {"before": {"old": 100, "new": 0}, "wanted": {"old": 0, "new": 100}}).seen
        == Seen.DONE
    )


def test_members_that_are_not_there_are_named(bind: Any, systems: dict[str, dict[str, str]]) -> None:
    systems["door"] = {**systems["door"], "new": "127.0.0.1:1"}
    with pytest.raises(Problem, match="does not share between"):
        ACTION.run(bind(to=100), Recorder())
    systems["door"] = {**systems["door"], "new": systems["new"]["url"].removeprefix("http://")}
    if systems["door"]["driver"] == "haproxy":
        systems["door"]["new"] = "new"


def test_the_preview_shows_what_would_be_sent_and_changes_nothing(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    preview = ACTION.preview(bind(to=100))
    assert preview.lines[0] == "Now: 100 % old, 0 % new. Then: 0 % old, 100 % new."
    assert those_who_answer(door[0]) == {"old-app"}


def test_a_new_stack_that_fails_is_red_and_says_how_to_take_it_back(
    tmp_path: Path, new_context: Callable[..., Context]
) -> None:
    with (
        proxies.stack("old-app") as old,
        proxies.stack("new-api", 500) as new,
        proxies.caddy(tmp_path, Stacks(old, new)) as (public, settings),
    ):
        stack = {"kind": "http", "requests": "/requests"}
        systems = {
            "door": settings,
            "public": {"kind": "http", "url": public},
            "old": {**stack, "url": old, "marker": "server: old-app"},
            "new": {**stack, "url": new, "marker": "server: new-api"},
        }
        raw = {
            "proxy": "door",
            "public": "public",
            "old": "old",
            "new": "new",
            "to": 100,
            "path": "/",
            "seconds": 0.8,
        }
        report = Recorder()
        outcome = ACTION.run(ACTION.bind(raw, new_context(systems)), report)
    assert not outcome.ok
    assert "with its undo" in outcome.summary
    assert report.facts["shift"]["before"] == {"old": 100, "new": 0}


def test_weights_survive_a_restart_of_the_front_door(tmp_path: Path, stacks: Stacks) -> None:
    with proxies.caddy(tmp_path, stacks) as (_, settings):
        known = Systems({"door": settings}, {})
        proxy = proxy_of(known["door"], known)
        proxy.set(Weights(0, 100), proxy.read()[1])
    with proxies.caddy(tmp_path, stacks) as (public, settings):
        known = Systems({"door": settings}, {})
        assert proxy_of(known["door"], known).read()[0] == Weights(0, 100)
        assert those_who_answer(public) == {"new-api"}


def test_a_silent_front_door_is_said_so(new_context: Callable[..., Context], stacks: Stacks) -> None:
    settings = {
        "kind": "proxy",
        "driver": "caddy",
        "url": "http://127.0.0.1:9",
        "pool": "x",
        "old": "a",
        "new": "b",
    }
    known = Systems({"door": settings}, {})
    with pytest.raises(Unreachable, match="cannot be reached"):
        proxy_of(known["door"], known).read()
