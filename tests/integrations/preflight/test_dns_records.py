"""Traps at DNS names are seen at a real BIND: aliases, wildcards, the other family, TTLs, lagging servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.clients.dns import RecordSet, get_zone
from integrations.preflight import CheckResult, CheckScope, PlannedItem, Verdict
from integrations.systems import Systems
from tests.integrations.clients.dns.cloudflare import cloudflare
from tests.integrations.clients.dns.servers import ZONE, Settings, powerdns, updated
from tests.integrations.preflight.scopes import planned, run_check, scope_of

NEW = "192.0.2.99"
RECORDS = (
    "www 300 A 192.0.2.1; pair 60 A 192.0.2.1; pair 60 A 192.0.2.2; alias 60 CNAME www.move.test.;"
    "both 60 A 192.0.2.1; both 60 AAAA 2001:db8::1; slow 86400 A 192.0.2.1; quick 20 A 192.0.2.1;"
    "*.wild 60 A 192.0.2.7; own.wild 60 A 192.0.2.8; top 60 A 192.0.2.1; *.top 60 A 192.0.2.7;"
    "moved 60 A 192.0.2.99;"
    'safe 60 A 192.0.2.1; safe 60 CAA 0 issue "ca.example"; shut 60 A 192.0.2.1; shut 60 CAA 0 issue ""'
)


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with updated(tmp_path_factory.mktemp("bind") / "names", "bind", RECORDS) as settings:
        yield settings


def items_for(name: str, **more: Any) -> dict[str, PlannedItem]:
    given = {"zone": "names", "name": name, **more}
    return planned(
        lower=("dns.lower_ttl", {**given, "ttl": 20}),
        switch=("dns.switch", {**given, "to": [NEW], "ttl": 20, "lowered": "lower"}),
        back=("dns.switch", {**given, "back_to": "switch"}),
    )


def scope_for(settings: Settings, name: str = "www", items: Any = None, **more: Any) -> CheckScope:
    systems = {"names": settings, **more.pop("systems", {})}
    return scope_of(systems, items=items_for(name) if items is None else items, **more)


def records(settings: Settings, name: str, **more: Any) -> CheckResult:
    full = name if name.endswith(ZONE) else f"{name}.{ZONE}"
    return run_check("dns.records", scope_for(settings, name, **more))[f"names: {full}: records"]


def test_a_plain_record_is_green(bind: Settings) -> None:
    found = run_check("dns.records", scope_for(bind))
    assert {each.verdict for each in found.values()} == {Verdict.GREEN}
    assert found["names: www.move.test: records"].items == ("lower", "switch", "back")


@pytest.mark.parametrize(
    ("name", "verdict", "named"),
    [
        ("alias", Verdict.RED, "alias.move.test is an alias"),
        ("any.wild", Verdict.RED, "comes from *.wild.move.test"),
        ("own.wild", Verdict.GREEN, "192.0.2.8"),
        ("top", Verdict.GREEN, "no wildcard"),
        ("absent", Verdict.RED, "the item lowers its TTL"),
        ("pair", Verdict.AMBER, "2 values"),
        ("moved", Verdict.AMBER, "already what “switch” would write"),
        ("www.other.org", Verdict.RED, "not in the zone move.test"),
    ],
)
def test_what_is_at_the_name(bind: Settings, name: str, verdict: Verdict, named: str) -> None:
    found = records(bind, name)
    assert found.verdict == verdict
    assert named in found.seen


def test_a_name_that_cannot_be_in_the_zone_is_red(bind: Settings) -> None:
    items = planned(switch=("dns.switch", {"zone": "names", "name": "www.other.org.", "to": [NEW]}))
    (found,) = run_check("dns.records", scope_for(bind, items=items)).values()
    assert found.verdict == Verdict.RED
    assert found.items == ("switch",)
    assert found.change


def test_a_cname_that_items_change_has_to_be_one(bind: Settings) -> None:
    assert records(bind, "alias", items=items_for("alias", type="CNAME")).verdict == Verdict.GREEN
    found = records(bind, "www", items=items_for("www", type="CNAME"))
    assert found.verdict == Verdict.RED
    assert "192.0.2.1" in found.seen


def test_a_name_that_does_not_exist_yet_is_remembered_for_the_negative_ttl(bind: Settings) -> None:
    items = planned(switch=("dns.switch", {"zone": "names", "name": "fresh", "to": [NEW]}))
    found = records(bind, "fresh", items=items)
    assert found.verdict == Verdict.AMBER
    assert "for 60 s" in found.seen


def test_an_address_of_the_other_family_that_stays_is_red(bind: Settings) -> None:
    def asked(items: Any) -> CheckResult:
        return run_check("dns.records", scope_for(bind, "both", items=items))["names: both.move.test: AAAA"]

    found = asked(items_for("both"))
    assert found.verdict == Verdict.RED
    assert "IPv6" in found.seen
    more = planned(
        six=("dns.switch", {"zone": "names", "name": "both", "type": "AAAA", "to": ["2001:db8::2"]})
    )
    assert asked({**items_for("both"), **more}).verdict == Verdict.GREEN


def ttl(settings: Settings, name: str, begins_in: float | None = None, **more: Any) -> CheckResult:
    """The result about the TTL; the window begins in so many seconds."""
    now = datetime.now(UTC)
    window = None if begins_in is None else (now + timedelta(seconds=begins_in), now + timedelta(days=2))
    found = run_check("dns.ttl", scope_for(settings, name, window=window, now=now, **more))
    return found[f"names: {name}.{ZONE}: TTL of A"]


def test_the_old_ttl_has_to_run_out_before_the_window_begins(bind: Settings) -> None:
    assert ttl(bind, "quick").verdict == Verdict.GREEN
    assert ttl(bind, "slow").verdict == Verdict.AMBER, "no window"
    late = ttl(bind, "slow", begins_in=3600)
    assert late.verdict == Verdict.RED
    assert "86400 s" in late.seen
    early = ttl(bind, "slow", begins_in=90_000)
    assert early.verdict == Verdict.AMBER
    by = datetime.now(UTC) + timedelta(seconds=3600)
    assert f"by {by:%Y-%m-%d %H}" in early.change


def test_what_a_lowering_recorded_is_compared_with_the_window_and_with_the_ttl_now(bind: Settings) -> None:
    def lowered(to: int, runs_out_in: float) -> dict[str, Any]:
        first = datetime.now(UTC) + timedelta(seconds=runs_out_in)
        return {"lower": {"lowered": {"after": {"ttl": to}, "switch_not_before": first.isoformat()}}}

    assert ttl(bind, "quick", 600, evidence=lowered(20, 300)).verdict == Verdict.GREEN
    assert ttl(bind, "quick", 600, evidence=lowered(20, 900)).verdict == Verdict.RED
    raised = ttl(bind, "slow", 600, evidence=lowered(20, -300))
    assert raised.verdict == Verdict.RED
    assert "again" in raised.seen


def test_a_switch_without_a_lowering_is_red_for_a_long_ttl(bind: Settings) -> None:
    items = planned(switch=("dns.switch", {"zone": "names", "name": "slow", "to": [NEW]}))
    assert ttl(bind, "slow", items=items).verdict == Verdict.RED


def servers(settings: Settings, **more: Any) -> dict[str, CheckResult]:
    return run_check("dns.servers", scope_for({**settings, **more}))


SERVERS = "names: www.move.test: servers"


def test_servers_that_differ_lag_are_lame_or_silent(bind: Settings, tmp_path: Path) -> None:
    assert servers(bind)[SERVERS].verdict == Verdict.GREEN
    with updated(tmp_path / "second", "bind", RECORDS) as second:
        both = f"{bind['server']} {second['server']}"
        assert servers(bind, servers=both)[SERVERS].verdict == Verdict.GREEN
        systems = Systems({"names": second}, {})
        zone = get_zone(systems["names"], systems)
        first = zone.read("www", "A")
        other = RecordSet.of(first.name, "A", 300, ["192.0.2.3"])
        zone.replace(first, other)
        differ = servers(bind, servers=both)
        assert differ[SERVERS].verdict == Verdict.RED
        assert "192.0.2.3" in differ[SERVERS].seen
        zone.replace(other, first)
        lagging = servers(bind, servers=both)[SERVERS]
        assert lagging.verdict == Verdict.AMBER
        assert "Serial numbers" in lagging.seen
    silent = servers(bind, servers=both)[SERVERS]
    assert silent.verdict == Verdict.RED
    assert second["server"] in silent.seen
    lame = run_check("dns.servers", scope_for({**bind, "zone": "other.test"}))[
        "names: www.other.test: servers"
    ]
    assert lame.verdict == Verdict.RED
    assert "does not serve the zone" in lame.seen


def test_a_zone_that_is_served_from_elsewhere_is_red(bind: Settings, tmp_path: Path) -> None:
    """The records are changed at PowerDNS, and resolvers ask BIND."""
    with powerdns(tmp_path / "pdns") as elsewhere:
        items = items_for("both")
        found = run_check("dns.servers", scope_for({**elsewhere, "servers": bind["server"]}, items=items))
        assert found["names: both.move.test: service and servers"].verdict == Verdict.RED
        there = run_check("dns.servers", scope_for(elsewhere))
        assert there["names: www.move.test: service and servers"].verdict == Verdict.GREEN
        assert login(elsewhere).verdict == Verdict.GREEN
        refused = login({**elsewhere, "token": "another"})
        assert refused.verdict == Verdict.RED
        assert "401" in refused.seen


def login(settings: Settings) -> CheckResult:
    return run_check("dns.login", scope_for(settings))["names: login"]


@pytest.mark.parametrize("program", ["bind", "python"])
def test_the_key_of_dynamic_updates_is_verified_by_the_server(
    bind: Settings, program: str, tmp_path: Path
) -> None:
    with updated(tmp_path / "names", program) as settings:
        assert login(settings).verdict == Verdict.GREEN
        for changed in ({"key_name": "other"}, {"key_secret": bind["key_secret"]}):
            found = login({**settings, **changed})
            assert found.verdict == Verdict.RED
            assert "does not accept the key" in found.seen
        assert "no base64" in login({**settings, "key_secret": "abc"}).seen


def test_the_token_of_an_api_is_tried_with_a_read() -> None:
    with cloudflare() as settings:
        assert login(settings).verdict == Verdict.GREEN
        assert login({**settings, "token": "another"}).verdict == Verdict.RED


def test_caa_records_that_restrict_who_issues_are_told(bind: Settings) -> None:
    def asked(name: str) -> dict[str, CheckResult]:
        public = {"public": {"kind": "http", "url": f"https://{name}.move.test"}}
        return run_check("dns.caa", scope_for(bind, name, systems=public))

    assert asked("www")["names: www.move.test: CAA"].verdict == Verdict.GREEN
    some = asked("safe")["names: safe.move.test: CAA"]
    assert some.verdict == Verdict.AMBER
    assert "ca.example" in some.seen
    assert asked("shut")["names: shut.move.test: CAA"].verdict == Verdict.RED
    assert run_check("dns.caa", scope_for(bind)) == {}, "nothing is asked over https"
