"""Weights are shifted in real load balancers, and the answers to requests show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import http
from integrations.clients.proxies import NamedPeople, Sharing, Weights, get_proxy
from integrations.errors import Cancelled, Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

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
        "old": {"kind": "http", "url": stacks.old, "marker": proxies.MARKERS["old"]},
        "new": {"kind": "http", "url": stacks.new, "marker": proxies.MARKERS["new"]},
    }


@pytest.fixture
def bind(
    systems: dict[str, dict[str, str]], new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    raw = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "seconds": 0.8}

    def bind_params(traces: dict[str, Any] | None = None, **more: Any) -> Any:
        context = Context(**{**vars(new_context(systems)), "traces": traces or {}})
        return ACTION.bind({**raw, **more}, context)

    yield bind_params
    proxy = get_proxy(Systems(systems, {})["door"], Systems(systems, {}))
    proxy.set(Weights(100, 0), proxy.read()[1])
    wait_for(lambda: answering_servers(systems["public"]["url"]) == {"old-app"})


def answering_servers(public: str) -> set[str]:
    """To ten in a row: nginx's workers of before a reload take requests until they hear of it."""
    return {http.request(public, "/").headers["x-stack"] for _ in range(10)}


def test_all_requests_move_and_come_back(bind: Any, door: tuple[str, dict[str, str]]) -> None:
    assert answering_servers(door[0]) == {"old-app"}
    values, report = bind(to=100), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert answering_servers(door[0]) == {"new-api"}
    assert report.facts["shift"]["before"] == {"old": 100, "new": 0}
    assert report.facts["shift"]["seen"]["not_known"] == ""
    assert report.points[-1]["new_share_percent"] == 100
    assert ACTION.probe(values, before).status == ProbeStatus.DONE
    back = bind({"switch": {**before, **report.facts}}, back_to="switch")
    assert ACTION.run(back, Recorder()).ok
    assert answering_servers(door[0]) == {"old-app"}


def test_a_pilot_slice_reaches_both_as_it_was_set(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(to=25), report)
    assert outcome.ok, outcome.summary
    seen = report.facts["shift"]["seen"]
    assert seen["old"] > seen["new"] > 0
    assert seen["warning"] == "", seen
    assert abs(100 * seen["new"] / (seen["old"] + seen["new"]) - 25) <= 5


class Visitor(Recorder):
    """Somebody asks at another address whenever we ask the public one."""

    def __init__(self, url: str, every: int = 10) -> None:
        super().__init__()
        self.url, self.every = url, every

    def progress(self, done: float, total: float, what: str = "") -> None:
        if done % self.every == 0:
            http.request(self.url, "/")


def test_the_load_balancer_counts_the_requests_of_users_and_not_our_own(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    report = Visitor(door[0])
    outcome = ACTION.run(bind(to=100, seconds=0.1), report)
    assert outcome.ok, outcome.summary
    seen = report.facts["shift"]["seen"]
    assert (seen["requests"], seen["old_percent_of_people"]) == (4, 0)
    assert "of 4 requests of users meanwhile 0 %" in outcome.summary


def test_users_who_reach_the_old_stack_by_another_route_keep_it_red(
    bind: Any, stacks: Stacks, systems: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """Another load balancer still leads to the old stack; it is named among those that count."""
    with proxies.haproxy(tmp_path, stacks, name="other") as (address, settings):
        systems["other"] = settings
        counted_at = ["door", "other"]
        report = Visitor(address)
        outcome = ACTION.run(bind(to=100, seconds=0.1, counted_at=counted_at), report)
        assert not outcome.ok
        assert "of the users' requests still reach old" in outcome.summary
        assert report.facts["shift"]["seen"]["old"] == 0, "none of our own requests was answered by it"
        assert report.facts["shift"]["seen"]["old_percent_of_people"] == 100
        assert report.facts["shift"]["seen"]["counted_at"] == "“door” and “other”"
        borne = ACTION.run(bind(to=100, seconds=0.1, share=100, counted_at=counted_at), Visitor(address))
        assert borne.ok, borne.summary


def test_a_drain_whose_requests_cannot_be_counted_is_not_green(
    bind: Any, systems: dict[str, dict[str, str]]
) -> None:
    systems["door"] = {name: value for name, value in systems["door"].items() if name != "log"}
    report = Recorder()
    outcome = ACTION.run(bind(to=100, seconds=0.1), report)
    counts_by_itself = systems["door"]["driver"] == "haproxy"
    assert outcome.ok is counts_by_itself
    if not counts_by_itself:
        assert "Whether users still reach old is not known" in outcome.summary
        assert "has no log: in the runbook" in report.facts["shift"]["seen"]["not_known"]
        accepted = ACTION.run(bind(to=100, seconds=0.1, share=100), Recorder())
        assert accepted.ok, accepted.summary
        assert "the requests of users were not counted" in accepted.summary


def test_an_answer_that_fits_both_markers_or_neither_is_not_known(
    bind: Any, systems: dict[str, dict[str, str]]
) -> None:
    for marker in ({"headers": {"x-stack": "present"}}, {"headers": {"x-stack": "third"}}):
        systems["new"] = {**systems["new"], "marker": {"path": "/", **marker}}
        systems["old"] = {**systems["old"], "marker": {"path": "/", "headers": {"x-stack": "/-/"}}}
        if marker["headers"]["x-stack"] == "third":
            systems["old"]["marker"]["headers"] = {"x-stack": "fourth"}
        report = Recorder()
        outcome = ACTION.run(bind(to=100, seconds=0.05), report)
        assert not outcome.ok
        assert "fit the markers of neither stack, or of both" in outcome.summary
        assert report.facts["shift"]["seen"]["unknown"] == 40


@pytest.mark.parametrize(("requests", "warned"), [(800, True), (6, False)])
def test_a_pilot_whose_share_is_off_is_warned_of_unless_it_may_be_chance(
    bind: Any,
    systems: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    requests: int,
    warned: bool,
) -> None:
    """The panel set 50 %, and the balancer gives the new stack 60 %: of six requests that may be chance."""
    monkeypatch.setattr("integrations.actions.answering_stack.PILOT_CHECKS", 1)
    monkeypatch.setattr("integrations.actions.answering_stack.PILOT_REQUESTS", requests)
    report = Misrouted(Systems(systems, {}))
    outcome = ACTION.run(bind(to=50), report)
    assert outcome.ok, outcome.summary
    assert ("50 % were set" in report.facts["shift"]["seen"]["warning"]) is warned
    assert ("Warning:" in outcome.summary) is warned
    assert bool(report.facts["warnings"]) is warned


class Misrouted(Recorder):
    """Somebody with the balancer's weights in hand gives the new stack more, while we measure."""

    def __init__(self, known: Systems) -> None:
        super().__init__()
        self.known, self.done = known, False

    def progress(self, done: float, total: float, what: str = "") -> None:
        if not self.done:
            proxy = get_proxy(self.known["door"], self.known)
            proxy.set(Weights.to_new(60), proxy.read()[1])
            self.done = True


def test_a_change_by_somebody_else_is_not_overwritten(bind: Any, systems: dict[str, dict[str, str]]) -> None:
    known = Systems(systems, {})
    proxy = get_proxy(known["door"], known)
    _, mark = proxy.read()
    proxy.set(Weights(50, 50), mark)
    with pytest.raises(Problem, match="changed by somebody else"):
        proxy.set(Weights(0, 100), mark)
    assert proxy.read()[0] == Weights(50, 50)
    assert ACTION.probe(
        bind(to=100), {"before": {"old": 100, "new": 0}, "wanted": {"old": 0, "new": 100}}
    ).status == (ProbeStatus.PARTIAL)


def test_a_cancel_of_the_check_leaves_the_weights_as_set(bind: Any) -> None:
    values, report = bind(to=100), Recorder(cancel_when=lambda r: bool(r.steps))
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert report.facts["shift"]["before"] == {"old": 100, "new": 0}
    assert (
        ACTION.probe(values, {"before": {"old": 100, "new": 0}, "wanted": {"old": 0, "new": 100}}).status
        == ProbeStatus.DONE
    )


def test_missing_members_are_named(bind: Any, systems: dict[str, dict[str, str]]) -> None:
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
    assert answering_servers(door[0]) == {"old-app"}


def test_a_new_stack_that_fails_is_red_and_names_the_undo(
    tmp_path: Path, new_context: Callable[..., Context]
) -> None:
    with (
        proxies.stack("old-app") as old,
        proxies.stack("new-api", 500) as new,
        proxies.caddy(tmp_path, Stacks(old, new)) as (public, settings),
    ):
        systems = {
            "door": settings,
            "public": {"kind": "http", "url": public},
            "old": {"kind": "http", "url": old, "marker": proxies.MARKERS["old"]},
            "new": {"kind": "http", "url": new, "marker": proxies.MARKERS["new"]},
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


def test_weights_and_named_people_survive_a_restart_of_the_load_balancer(
    tmp_path: Path, stacks: Stacks
) -> None:
    people = NamedPeople.parse({"header": "X-Pilot: staff"})
    with proxies.caddy(tmp_path, stacks) as (_, settings):
        known = Systems({"door": settings}, {})
        proxy = get_proxy(known["door"], known)
        Sharing(Weights(0, 100), people).apply(Sharing.read(proxy), proxy)
    with proxies.caddy(tmp_path, stacks) as (public, settings):
        known = Systems({"door": settings}, {})
        assert Sharing.read(get_proxy(known["door"], known)) == Sharing(Weights(0, 100), people)
        assert answering_servers(public) == {"new-api"}


def test_a_load_balancer_that_does_not_answer_is_refused(
    new_context: Callable[..., Context], stacks: Stacks
) -> None:
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
        get_proxy(known["door"], known).read()
