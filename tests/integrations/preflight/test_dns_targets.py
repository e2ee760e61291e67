"""The addresses that a switch would lead people to are asked for the public name beforehand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations.preflight import CheckResult, Verdict
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.preflight.web_server import WebServer, web_server

PUBLIC = "www.move.test"


def ask(port: int, *, items: Any = None, to: str = "127.0.0.1") -> CheckResult:
    systems: dict[str, Any] = {
        "public": {"kind": "http", "url": f"http://{PUBLIC}:{port}"},
        "old": {"kind": "http", "url": "http://127.0.0.1:1", "marker": {"headers": {"x-stack": "old"}}},
        "new": {"kind": "http", "url": "http://127.0.0.1:1", "marker": {"headers": {"x-stack": "new"}}},
        "names": {"kind": "dns", "driver": "rfc2136", "zone": "move.test", "server": "127.0.0.1:1"},
    }
    given = {"zone": "names", "name": "www", "to": [to], "old": "old", "new": "new"}
    scope = scope_of(systems, items={**(items or {}), **planned(switch=("dns.switch", given))})
    return run_check("dns.targets", scope)[f"names: {PUBLIC}: public at {to}"]


@pytest.mark.parametrize(
    ("stack", "verdict"), [("new", Verdict.GREEN), ("old", Verdict.RED), ("other", Verdict.RED)]
)
def test_the_stack_at_the_new_address_has_to_be_the_new_one(stack: str, verdict: Verdict) -> None:
    with web_server() as server:
        server.answers["/"] = (200, {"X-Stack": stack}, "")
        found = ask(port_of(server))
        assert found.verdict == verdict
        assert server.headers["host"] == f"{PUBLIC}:{port_of(server)}", "asked for the public name"
        assert found.items == ("switch",)


def port_of(server: WebServer) -> int:
    return urlsplit(server.url).port or 0


def test_nobody_at_the_new_address_is_red_unless_an_item_starts_the_stack_later() -> None:
    assert ask(1).verdict == Verdict.RED
    start = planned(start=("service.start", {"answers": "new", "services": ["new"]}))
    assert ask(1, items=start).verdict == Verdict.AMBER


def test_no_key_goes_to_an_address_without_encryption() -> None:
    assert "without encryption" in ask(80, to="192.0.2.1").seen
