"""Pools of real load balancers are read, and public addresses are asked which stack answers there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.clients.proxies import NamedPeople, Weights, get_proxy
from integrations.preflight import CheckResult, Verdict
from integrations.systems import Systems
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.preflight.scopes import planned, run_check, scope_of

SHIFT = {"proxy": "door", "public": "public", "old": "old", "new": "new", "path": "/", "to": 100}
ITEMS = planned(shift=("lb.shift", {**SHIFT, "counted_at": ["door"]}))


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    with proxies.stack("old-app") as old, proxies.stack("new-api") as new:
        yield Stacks(old, new)


@pytest.fixture(scope="module", params=sorted(proxies.KINDS))
def door(
    request: pytest.FixtureRequest, stacks: Stacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    with proxies.KINDS[request.param](tmp_path_factory.mktemp(request.param), stacks) as found:
        yield found


@pytest.fixture
def systems(door: tuple[str, dict[str, str]], stacks: Stacks) -> Iterator[dict[str, Any]]:
    """All of the old stack again afterwards."""
    public, settings = door
    made: dict[str, Any] = {
        "door": settings,
        "public": {"kind": "http", "url": public},
        "old": {"kind": "http", "url": stacks.old, "marker": proxies.MARKERS["old"]},
        "new": {"kind": "http", "url": stacks.new, "marker": proxies.MARKERS["new"]},
    }
    yield made
    proxy = get_proxy(Systems(made, {})["door"], Systems(made, {}))
    proxy.set(Weights.to_new(0), proxy.read()[1])


def pools(systems: dict[str, Any], **more: Any) -> dict[str, CheckResult]:
    return run_check("proxies.pools", scope_of(systems, items=ITEMS, **more))


def public(systems: dict[str, Any], **more: Any) -> CheckResult:
    return run_check("http.public", scope_of(systems, items=ITEMS, **more))["public: old or new"]


def test_a_pool_that_serves_the_old_stack_is_green(systems: dict[str, Any]) -> None:
    found = pools(systems)
    assert {each.verdict for each in found.values()} == {Verdict.GREEN}
    assert "100 % old" in found["door: pool"].seen
    assert found["door: request counter"].items == ("shift",)
    assert public(systems).verdict == Verdict.GREEN


def test_people_who_reach_the_new_stack_too_early_are_told(systems: dict[str, Any]) -> None:
    made = Systems(systems, {})
    proxy = get_proxy(made["door"], made)
    proxy.set(Weights.to_new(100), proxy.read()[1])
    assert pools(systems)["door: pool"].verdict == Verdict.AMBER
    assert pools(systems, evidence={"shift": {}})["door: pool"].verdict == Verdict.GREEN
    assert public(systems, evidence={"shift": {}}).verdict == Verdict.GREEN
    assert public(systems).verdict in (Verdict.AMBER, Verdict.GREEN), (
        "a reload keeps old workers for a moment"
    )


def test_named_people_who_are_sent_there_too_early_are_told(systems: dict[str, Any]) -> None:
    made = Systems(systems, {})
    proxy, people = get_proxy(made["door"], made), NamedPeople.parse({"header": "X-Pilot: always"})
    proxy.set_people(people, NamedPeople())
    try:
        found = pools(systems)["door: pool"]
        assert found.verdict == Verdict.AMBER
        assert "X-Pilot".lower() in found.seen.lower()
    finally:
        proxy.set_people(NamedPeople(), people)


def test_a_member_or_pool_that_is_not_there_is_red(systems: dict[str, Any]) -> None:
    for changed in ({"new": "127.0.0.1:1"}, {"pool": "other"}):
        found = pools({**systems, "door": {**systems["door"], **changed}})["door: pool"]
        assert found.verdict == Verdict.RED
        assert found.change


def test_stacks_that_cannot_be_told_apart_are_red(systems: dict[str, Any]) -> None:
    same = {**systems, "new": {**systems["new"], "marker": proxies.MARKERS["old"]}}
    assert "same marker" in public(same).seen
    strange = {"path": "/", "headers": {"x-stack": "other"}}
    assert public({**systems, "old": {**systems["old"], "marker": strange}}).verdict == Verdict.RED


def test_a_load_balancer_that_does_not_answer_and_a_log_that_is_not_there_are_red(
    stacks: Stacks, tmp_path: Path
) -> None:
    gone = {
        "kind": "proxy",
        "driver": "caddy",
        "url": "http://127.0.0.1:1",
        "pool": "x",
        "old": "a",
        "new": "b",
    }
    found = pools({"door": {**gone, "log": str(tmp_path / "none.log")}})
    assert {each.verdict for each in found.values()} == {Verdict.RED}
    assert "cannot be reached" in found["door: pool"].seen
    assert "none.log" in found["door: request counter"].seen
