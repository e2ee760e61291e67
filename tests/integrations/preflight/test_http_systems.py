"""HTTP systems: who does not answer, answers otherwise than the runbook assumes, or is not started yet."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations.preflight import Verdict
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.start_order import find_later_start
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.preflight.web_server import WebServer, web_server

MARKER = {"path": "/live", "status": 200, "headers": {"x-stack": "new"}, "json": {"state": "up"}}
GOOD = (200, {"X-Stack": "new", "Content-Type": "application/json"}, '{"state": "up"}')
SERVICES = {"platform": "engine", "services": ["api"]}


@pytest.fixture(scope="module")
def running() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def server(running: WebServer) -> WebServer:
    running.answers, running.seen, running.date = {"/live": GOOD}, [], ""
    return running


@contextmanager
def silent() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def ask(url: str, items: Any = None, marker: Any = MARKER, **more: Any) -> Any:
    system = {"kind": "http", "url": url} | ({"marker": marker} if marker else {})
    return run_check("http.systems", scope_of({"api": system}, items=items or {}, **more))["api: answer"]


def test_a_system_that_fits_its_marker_is_green_with_one_request(server: WebServer) -> None:
    assert ask(server.url).verdict == Verdict.GREEN
    assert server.seen == ["GET /live"]


def test_the_reasons_of_a_system_that_does_not_answer_are_told_apart(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.preflight.read_only.TIMEOUT", 0.3)
    with silent() as hangs:
        seen = {
            "refused": ask("http://127.0.0.1:1"),
            "unknown": ask("https://nowhere.invalid"),
            "silent": ask(hangs),
            "tls": ask(server.url.replace("http:", "https:")),
        }
    assert {each.verdict for each in seen.values()} == {Verdict.RED}
    assert "Nobody listens" in seen["refused"].seen
    assert "name is unknown" in seen["unknown"].seen
    assert "within 0.3 s" in seen["silent"].seen
    assert len({each.seen for each in seen.values()}) == 4
    assert all(each.change for each in seen.values())


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ((404, {}, ""), "status 404 instead of 200"),
        ((200, {"X-Stack": "old"}, '{"state": "up"}'), "x-stack “old” instead of “new”"),
        ((200, {"X-Stack": "new"}, '{"state": "down"}'), "JSON state “down” instead of “up”"),
        ((200, {"X-Stack": "new"}, "<html>"), "not JSON"),
    ],
)
def test_what_the_runbook_assumes_is_held_against_the_answer(
    server: WebServer, answer: Any, named: str
) -> None:
    server.answers["/live"] = answer
    found = ask(server.url)
    assert found.verdict == Verdict.RED
    assert "The runbook assumes GET /live" in found.seen
    assert named in found.seen


def test_a_redirect_to_another_address_is_red_and_one_at_the_same_is_not(server: WebServer) -> None:
    server.answers["/"] = (301, {"Location": "https://www.move.test/start?token=x"}, "")
    found = ask(server.url, marker=None)
    assert found.verdict == Verdict.RED
    assert "https://www.move.test/start" in found.seen
    assert "token" not in found.seen
    server.answers["/"] = (302, {"Location": "/login"}, "")
    assert ask(server.url, marker=None).verdict == Verdict.GREEN


def test_a_system_that_an_item_starts_later_is_amber_until_that_item_has_succeeded(server: WebServer) -> None:
    items = planned(
        list_writers=("writers.check", {"old": "site", "new": "api"}),
        start=("service.start", {**SERVICES, "answers": "api"}),
        smoke=("http.smoke", {"api": "api"}),
    )
    down = "http://127.0.0.1:1"
    found = ask(down, items)
    assert found.verdict == Verdict.AMBER
    assert "“start” starts it" in found.seen
    assert ask(down, items, evidence={"start": {}}).verdict == Verdict.RED
    server.answers["/live"] = (503, {}, "no backend")
    assert ask(server.url, items).verdict == Verdict.AMBER


def test_an_item_that_asks_a_system_before_anything_is_started_needs_it_now() -> None:
    items = planned(
        check=("http.check", {"system": "api"}),
        start=("service.start", {**SERVICES, "answers": "other"}),
    )
    assert ask("http://127.0.0.1:1", items).verdict == Verdict.RED


def test_the_stack_that_serves_people_has_to_be_up_although_a_rollback_starts_it_again() -> None:
    items = planned(
        provision=("stack.provision", {"api": "copy"}),
        shift=("lb.shift", {"proxy": "door", "old": "api", "new": "site", "public": "www"}),
        back=("service.start", {**SERVICES, "answers": "api"}),
    )
    scope = scope_of({}, items=items)
    assert find_later_start(scope, "api") is None
    assert find_later_start(scope, "www") is None


def test_a_system_first_asked_after_a_deployment_may_be_down_before_it() -> None:
    items = planned(
        deploy=("deploy.apply", {"platform": "engine", "images": {}}),
        pages=("pages.check", {"site": "site"}),
    )
    later = find_later_start(scope_of({}, items=items), "site")
    assert later
    assert not later.is_named


def test_an_answer_that_breaks_the_check_ends_no_other_question(server: WebServer) -> None:
    """The pattern of a marker that takes for ever, a library's own error: the others are still asked."""
    scope = scope_of({"api": {"kind": "http", "url": server.url}})

    def fail() -> list[Any]:
        raise KeyError("secret")

    questions = [(Question("one", "asked"), fail), (Question("two", "asked"), lambda: [])]
    (found,) = ask_all(scope, questions)
    assert found.verdict == Verdict.UNKNOWN
    assert "secret" not in found.seen


def test_an_api_for_gifts_is_asked_where_no_other_system_has_its_address(server: WebServer) -> None:
    gifts = {"kind": "gift_api", "url": f"{server.url}/"}
    alone = run_check("http.systems", scope_of({"gifts": {**gifts, "url": "http://127.0.0.1:1"}}))
    assert alone["gifts: answer"].verdict == Verdict.RED
    both = run_check("http.systems", scope_of({"gifts": gifts, "api": {"kind": "http", "url": server.url}}))
    assert list(both) == ["api: answer"]


def clock(server: WebServer, seconds: float, headers: Any = None) -> Any:
    """The clock of a system that is so many seconds ahead, as the check sees it."""
    server.date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    server.answers["/"] = (200, headers or {}, "")
    found = run_check("clock.http", scope_of({"api": {"kind": "http", "url": server.url}}))
    return found["api: clock"]


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, Verdict.GREEN), (-90, Verdict.RED), (90, Verdict.RED), (-8, Verdict.AMBER), (8, Verdict.AMBER)],
)
def test_a_clock_is_compared_by_the_date_header(server: WebServer, seconds: int, verdict: Verdict) -> None:
    found = clock(server, seconds)
    assert found.verdict == verdict
    assert ("behind" in found.seen) == (seconds < 0)


def test_the_age_of_a_kept_answer_is_no_difference_of_clocks(server: WebServer) -> None:
    assert clock(server, -300, {"Age": "300"}).verdict == Verdict.GREEN


def test_the_times_are_those_of_the_panels_database(server: WebServer) -> None:
    scope = scope_of(
        {"api": {"kind": "http", "url": server.url}}, now=datetime.now(UTC) - timedelta(seconds=90)
    )
    server.answers["/"] = (200, {}, "")
    assert run_check("clock.http", scope)["api: clock"].verdict == Verdict.RED
