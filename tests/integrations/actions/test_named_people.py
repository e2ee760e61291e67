"""Named people reach the new stack by real load balancers, and everybody else stays where the share says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import http
from integrations.clients.proxies import NamedPeople, Sharing, Weights, get_proxy
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox import kubernetes
from tests.waiting import wait_for

ACTION = registry()["lb.shift"]
STAFF = {"header": "X-Pilot: staff", "cookie": "pilot=always"}


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@contextmanager
def canary(folder: Path, stacks: Stacks) -> Iterator[tuple[str, dict[str, str]]]:
    services = {"flask:80": stacks.old, "backend:80": stacks.new}
    ingresses = kubernetes.ingress("web", "flask"), kubernetes.ingress("web-canary", "backend", 0)
    with kubernetes.running(folder, services, *ingresses) as cluster:
        settings = {"kind": "proxy", "driver": "kubernetes", "url": cluster.api, "token": kubernetes.TOKEN}
        members = {"namespace": "prod", "pool": "web-canary", "old": "flask", "new": "backend"}
        yield cluster.door, {**settings, **members, "metrics": cluster.metrics}


@pytest.fixture(scope="module", params=[*sorted(proxies.KINDS), "kubernetes"])
def door(
    request: pytest.FixtureRequest, stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each load balancer in turn: its public address and its settings."""
    kinds: dict[str, Any] = {**proxies.KINDS, "kubernetes": canary}
    with kinds[request.param](tmp_path_factory.mktemp(request.param), stacks) as found:
        yield found


@pytest.fixture
def systems(door: tuple[str, dict[str, str]], stacks: Stacks) -> dict[str, dict[str, Any]]:
    public, settings = door
    return {
        "door": dict(settings),
        "public": {"kind": "http", "url": public},
        "old": {"kind": "http", "url": stacks.old, "marker": proxies.MARKERS["old"]},
        "new": {"kind": "http", "url": stacks.new, "marker": proxies.MARKERS["new"]},
    }


@pytest.fixture
def bind(
    systems: dict[str, dict[str, Any]], door: tuple[str, dict[str, str]], new_context: Callable[..., Context]
) -> Iterator[Callable[..., Any]]:
    raw = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "seconds": 0.1}

    def bind_params(traces: dict[str, Any] | None = None, **more: Any) -> Any:
        context = Context(**{**vars(new_context(systems)), "traces": traces or {}})
        return ACTION.bind({**raw, **more}, context)

    yield bind_params
    proxy = proxy_of(door[1])
    Sharing(Weights(100, 0)).apply(Sharing.read(proxy), proxy)
    wait_for(lambda: {stack_for(door[0], STAFF_HEADERS) for _ in range(10)} == {"old-app"})


STAFF_HEADERS = {"X-Pilot": "staff", "Cookie": "theme=dark; pilot=always"}


def proxy_of(settings: dict[str, str]) -> Any:
    known = Systems({"door": settings}, {})
    return get_proxy(known["door"], known)


def stack_for(public: str, headers: dict[str, str] | None = None) -> str:
    """The stack that answers a request with these headers."""
    return http.HttpClient(["127.0.0.1"]).request(public, "/", headers=headers).headers["x-stack"].strip()


def test_named_people_reach_the_new_stack_and_nobody_else(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    public, report = door[0], Recorder()
    values = bind(people=STAFF)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    preview = ACTION.preview(values)
    assert preview.lines[0].startswith("Now: 100 % old, 0 % new. Then: 100 % old, 0 % new; header x-pilot")
    assert len(preview.lines) > 3, "what is sent is shown"
    assert stack_for(public, {"X-Pilot": "staff"}) == "old-app", "a preview changes nothing"

    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert stack_for(public, {"X-Pilot": "staff"}) == "new-api"
    assert stack_for(public, {"Cookie": "theme=dark; pilot=always; lang=en"}) == "new-api"
    assert {stack_for(public, {"X-Pilot": "staffs"}), stack_for(public)} == {"old-app"}
    assert {stack_for(public, {"Cookie": f"{pair}"}) for pair in ("copilot=always", "pilot=alwaysx")} == {
        "old-app"
    }
    answers = {one["by"]: (one["old"], one["new"]) for one in report.facts["shift"]["people"]["answers"]}
    assert answers == {
        "header x-pilot: staff": (0, 10),
        "cookie pilot=always": (0, 10),
        "a request without header and cookie": (10, 0),
        "a request with other values": (10, 0),
    }
    assert report.facts["warnings"] == []
    assert ACTION.probe(values, before).status == ProbeStatus.DONE
    assert ACTION.preview(values).lines[1] == "Nothing has to be changed."
    assert ACTION.run(bind(people=STAFF), Recorder()).ok, "it may run again"

    back, undone = bind({"pilot": {**before, **report.facts}}, back_to="pilot"), Recorder()
    assert ACTION.run(back, undone).ok
    assert stack_for(public, STAFF_HEADERS) == "old-app"
    answers = {one["by"]: (one["old"], one["new"]) for one in undone.facts["shift"]["people"]["answers"]}
    assert answers["no longer named: header x-pilot: staff"] == (10, 0)
    assert answers["no longer named: cookie pilot=always"] == (10, 0)


class Restorer(Recorder):
    """Somebody names the people again as soon as they are taken back."""

    def __init__(self, proxy: Any) -> None:
        super().__init__()
        self.proxy, self.done = proxy, False

    def raise_if_cancelled(self) -> None:
        if not self.done:
            self.done = True
            self.proxy.set_people(NamedPeople.parse(STAFF), NamedPeople())


def test_people_who_still_reach_the_new_stack_after_the_way_back_are_red(
    bind: Any, door: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.actions.named_people.TRIES", 2)
    assert ACTION.run(bind(people=STAFF), Recorder()).ok
    outcome = ACTION.run(bind(to=0), Restorer(proxy_of(door[1])))
    assert not outcome.ok
    assert "no longer named: header x-pilot: staff" in outcome.summary


def test_a_share_of_the_others_is_added_and_named_people_stay(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    assert ACTION.run(bind(people=STAFF), Recorder()).ok
    report = Recorder()
    values = bind(people=STAFF, to=20)
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert report.facts["shift"]["seen"]["old"] > report.facts["shift"]["seen"]["new"] > 0
    assert report.facts["shift"]["people_before"] == report.facts["shift"]["people_after"]
    assert stack_for(door[0], STAFF_HEADERS) == "new-api"
    assert ACTION.run(bind(to=100), Recorder()).ok
    assert proxy_of(door[1]).read_people() == NamedPeople(), "with all users there, nobody is named"


def test_people_of_an_address_are_led_and_what_is_not_checked_is_said(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    if door[1]["driver"] == "kubernetes":
        with pytest.raises(Exception, match="cannot choose by address"):
            bind(people={"addresses": ["127.0.0.1"]})
        return
    elsewhere = Recorder()
    outcome = ACTION.run(bind(people={"addresses": ["203.0.113.0/24", "2001:db8::/32"]}), elsewhere)
    assert outcome.ok, outcome.summary
    assert stack_for(door[0]) == "old-app"
    assert "cannot send requests from 2001:db8::/32, 203.0.113.0/24" in elsewhere.facts["warnings"][0]
    here = Recorder()
    outcome = ACTION.run(bind(people={"addresses": ["127.0.0.1"]}), here)
    assert outcome.ok, outcome.summary
    assert stack_for(door[0]) == "new-api"
    assert here.facts["shift"]["people"]["panel_is_named"]
    assert "whether others stay at the old stack is not checked" in outcome.summary


def test_people_changed_by_somebody_else_are_not_overwritten(
    bind: Any, door: tuple[str, dict[str, str]]
) -> None:
    values = bind(people=STAFF)
    before, proxy = ACTION.before(values), proxy_of(door[1])
    others = NamedPeople.parse({"header": "X-Pilot: press"})
    proxy.set_people(others, NamedPeople())
    with pytest.raises(Problem, match="changed by somebody else"):
        proxy.set_people(NamedPeople.parse(STAFF), NamedPeople())
    assert proxy.read_people() == others
    assert ACTION.probe(values, before).status == ProbeStatus.PARTIAL


class Meddler(Recorder):
    """Somebody removes the named people as soon as they are set, and then leads everybody."""

    def __init__(self, proxy: Any, weights: Weights) -> None:
        super().__init__()
        self.proxy, self.weights, self.done = proxy, weights, False

    def raise_if_cancelled(self) -> None:
        if not self.done:
            self.done = True
            Sharing(self.weights).apply(Sharing.read(self.proxy), self.proxy)
            wait_for(lambda: self.proxy.read_people() == NamedPeople())


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (Weights(100, 0), "of 10 requests with header x-pilot: staff were answered by the new stack"),
        (Weights(0, 100), "reached the new stack, and only named people should"),
    ],
)
def test_people_who_do_not_arrive_and_others_who_do_are_red(
    bind: Any,
    door: tuple[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    weights: Weights,
    why: str,
) -> None:
    monkeypatch.setattr("integrations.actions.named_people.TRIES", 2)
    monkeypatch.setattr("integrations.actions.named_people.TRY_SECONDS", 0.5)
    report = Meddler(proxy_of(door[1]), weights)
    outcome = ACTION.run(bind(people=STAFF), report)
    assert not outcome.ok
    assert why in outcome.summary
    assert "with its undo" in outcome.summary
    assert report.facts["shift"]["people_before"] == {}


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({"header": "X Pilot: staff"}, "is not NAME:VALUE"),
        ({"header": 'X-Pilot: "; del acl'}, "is not NAME:VALUE"),
        ({"cookie": "pilot"}, "is not NAME=VALUE"),
        ({"cookie": "a-b=staff"}, "is not NAME=VALUE"),
        ({"addresses": ["10.0.0.300"]}, "does not appear to be an IPv4 or IPv6 network"),
        ({"addresses": "10.0.0.1/8"}, "has host bits set"),
        ({"staff": "yes"}, "it has: header, cookie, addresses"),
        ({"header": ""}, "names nobody"),
        ("staff", "must look like"),
    ],
)
def test_people_who_cannot_be_known_are_refused_before_anything_is_sent(
    people: Any, why: str, new_context: Callable[..., Context]
) -> None:
    field = ACTION.Params.base_fields["people"]
    with pytest.raises(Exception, match=why):
        field.clean(people)


def test_a_file_that_nginx_did_not_load_is_put_back(tmp_path: Path) -> None:
    file = tmp_path / "pool.conf"
    file.write_text("upstream web {\n server a weight=100;\n server b down;\n}\n")
    door = {"kind": "proxy", "driver": "nginx", "file": str(file), "pool": "web", "old": "a", "new": "b"}
    before = file.read_text()
    for failing in ("test", "reload"):
        proxy = proxy_of({**door, "variable": "stack", "test": "true", "reload": "true", failing: "false"})
        with pytest.raises(Problem, match=r"as it was"):
            proxy.set_people(NamedPeople.parse(STAFF), NamedPeople())
        assert file.read_text() == before
        assert proxy.read_people() == NamedPeople()


@pytest.mark.parametrize(
    ("driver", "people", "why"),
    [
        (
            {"driver": "haproxy", "socket": "/x", "people": "header:X-Pilot=/f"},
            STAFF,
            "no ACL file for cookie:p",
        ),
        ({"driver": "nginx", "file": "/x"}, STAFF, "has no variable:"),
        (
            {"driver": "kubernetes", "url": "http://127.0.0.1:9"},
            {"cookie": "pilot=staff"},
            "cookie: pilot=always",
        ),
    ],
)
def test_a_load_balancer_that_cannot_tell_them_apart_is_found_when_the_runbook_is_checked(
    driver: dict[str, str], people: Any, why: str, new_context: Callable[..., Context]
) -> None:
    stack = {"kind": "http", "url": "http://127.0.0.1:9", "marker": "server: x"}
    door = {"kind": "proxy", "pool": "web", "old": "a", "new": "b", **driver}
    raw = {"proxy": "door", "public": "s", "old": "s", "new": "s", "people": people}
    with pytest.raises(Exception, match=why):
        ACTION.bind(raw, new_context({"door": door, "s": stack}))
