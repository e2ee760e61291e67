"""The paths that items will ask are tried at systems that are up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.preflight import CheckResult, Verdict
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.preflight.web_server import WebServer, web_server


@pytest.fixture(scope="module")
def running() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def server(running: WebServer) -> WebServer:
    running.answers, running.seen = {"/locked": (200, {}, '{"locked": true}'), "/me": (401, {}, "")}, []
    return running


def paths(server: WebServer, items: Any, **more: Any) -> dict[str, CheckResult]:
    return run_check(
        "http.paths", scope_of({"api": {"kind": "http", "url": server.url}}, items=items, **more)
    )


def check(**params: Any) -> Any:
    return planned(check=("http.check", {"system": "api", **params}))


@pytest.mark.parametrize(
    ("params", "verdict", "named"),
    [
        ({"path": "/locked", "json": {"locked": True}}, Verdict.GREEN, "as “check” expects"),
        ({"path": "/locked", "json": {"locked": False}}, Verdict.AMBER, "locked is “true”"),
        ({"path": "/none"}, Verdict.AMBER, "expects a status of 2xx"),
        ({"path": "/none", "status": [404]}, Verdict.GREEN, "404"),
        (
            {"path": "/me", "send_headers": {"Authorization": "Bearer s3cret"}},
            Verdict.RED,
            "with Authorization",
        ),
        ({"path": "/me", "status": [401]}, Verdict.GREEN, "401"),
        ({"path": "/locked", "status": [503]}, Verdict.AMBER, "503"),
    ],
)
def test_a_path_is_asked_as_the_item_will(
    server: WebServer, params: Any, verdict: Verdict, named: str
) -> None:
    (found,) = paths(server, check(**params)).values()
    assert found.verdict == verdict
    assert named in found.seen
    assert "s3cret" not in str(found)


def test_a_path_that_was_there_when_the_item_ran_is_red(server: WebServer) -> None:
    (found,) = paths(server, check(path="/none"), evidence={"check": {}}).values()
    assert found.verdict == Verdict.RED


def test_the_paths_of_smoke_tests_and_pages_are_asked_once_each(server: WebServer) -> None:
    items = planned(
        smoke=(
            "http.smoke",
            {"api": "api", "health": ["/locked"], "reads": [{"path": "/me", "signed_in": True}]},
        ),
        pages=("pages.check", {"site": "api", "pages": [{"path": "/locked"}, {"path": "/none"}]}),
    )
    found = paths(server, items)
    assert found["api: GET /me"].verdict == Verdict.GREEN, "401 without a sign-in: it exists"
    assert found["api: GET /none"].verdict == Verdict.RED
    assert "no such path" in found["api: GET /none"].seen
    assert sorted(server.seen) == ["GET /locked", "GET /me", "GET /none"]


def test_a_path_that_fails_is_not_green_because_it_exists(server: WebServer) -> None:
    server.answers["/me"] = (500, {}, "")
    items = planned(smoke=("http.smoke", {"api": "api", "reads": [{"path": "/me", "signed_in": True}]}))
    assert paths(server, items)["api: GET /me"].verdict == Verdict.AMBER


def test_a_system_with_many_paths_is_asked_for_twelve(server: WebServer) -> None:
    items = planned(smoke=("http.smoke", {"api": "api", "reads": [f"/{number}" for number in range(40)]}))
    paths(server, items)
    assert len(server.seen) == 12


def test_nothing_is_asked_where_another_stack_will_answer_or_none_does_yet(server: WebServer) -> None:
    shift = planned(
        shift=("lb.shift", {"public": "api", "old": "o", "new": "n"}), after=("http.check", {"system": "api"})
    )
    assert paths(server, shift) == {}
    start = planned(start=("service.start", {"answers": "api"}), after=("http.check", {"system": "api"}))
    assert paths(server, start) == {}
    assert server.seen == []
    assert paths(server, start, evidence={"start": {}}) != {}
