"""Each name service is read, changed only where the old set still stands, and refuses in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dns.resolver
import pytest

from integrations.clients.dns import RecordSet, Zone, answers_of, authoritative, zone_of
from integrations.errors import Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.clients.dns.cloudflare import cloudflare
from tests.integrations.clients.dns.servers import RECORDS, ZONE, Settings, powerdns, reset, route53, updated

KINDS = ("bind", "python", "powerdns", "route53", "cloudflare")
WWW = f"www.{ZONE}"


def started(kind: str, folder: Path) -> AbstractContextManager[Settings]:
    if kind in ("bind", "python"):
        return updated(folder, kind)
    return {"powerdns": lambda: powerdns(folder), "route53": route53, "cloudflare": cloudflare}[kind]()


@pytest.fixture(scope="module", params=KINDS)
def settings_of_zone(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Settings]:
    with started(request.param, tmp_path_factory.mktemp("dns") / request.param) as settings:
        yield settings


def made(settings: Settings, **changed: str) -> Zone:
    systems = Systems({"zone": {**settings, **changed}}, {})
    return zone_of(systems["zone"], systems)


@pytest.fixture
def zone(settings_of_zone: Settings) -> Iterator[Zone]:
    """As it was at first, whatever a test has made of it."""
    zone = made(settings_of_zone)
    first = RecordSet.of(WWW, "A", 300, ["192.0.2.1"])
    yield zone
    for name in ("www", "fresh"):
        now = zone.read(name, "A")
        wanted = first if name == "www" else RecordSet(now.name, "A", 0, ())
        if now == wanted:
            continue
        if zone.system.driver() == "route53":  # moto takes no CREATE of what it had once before
            reset(zone.system, wanted)
        else:
            zone.replace(now, wanted)


def test_a_set_is_read_replaced_and_answered(zone: Zone) -> None:
    now = zone.read("www", "A")
    assert now == RecordSet(WWW, "A", 300, ("192.0.2.1",))
    assert zone.read(f"{WWW}.", "A") == now, "a full name is understood, too"
    two = RecordSet.of(WWW, "A", 60, ["198.51.100.2", "198.51.100.1"])
    assert zone.commands(now, two)
    zone.replace(now, two)
    assert zone.read("www", "A") == two
    if zone.system.get("servers"):
        (server,) = zone.servers()
        assert answers_of(server, WWW, "A") == two


def test_a_set_that_is_not_there_is_made_and_taken_away(zone: Zone) -> None:
    nothing = zone.read("fresh", "A")
    assert nothing.values == ()
    fresh = RecordSet.of(f"fresh.{ZONE}", "A", 60, ["192.0.2.9"])
    zone.replace(nothing, fresh)
    assert zone.read("fresh", "A") == fresh
    zone.replace(fresh, nothing)
    assert zone.read("fresh", "A").values == ()


def test_what_somebody_else_changed_is_not_overwritten(zone: Zone) -> None:
    seen = RecordSet.of(WWW, "A", 300, ["203.0.113.77"])
    with pytest.raises(Problem, match="no longer says") as refused:
        zone.replace(seen, RecordSet.of(WWW, "A", 60, ["198.51.100.1"]))
    assert "nothing was written" in refused.value.means
    assert zone.read("www", "A").values == ("192.0.2.1",)


def test_a_wrong_credential_is_refused_in_words(settings_of_zone: Settings) -> None:
    zone = made(settings_of_zone)
    now = zone.read("www", "A")
    wrong = {
        "rfc2136": {"key_secret": "AAAA" * 11},
        "powerdns": {"token": "another"},
        "cloudflare": {"token": "another"},
        "route53": {"zone_id": "ZNOTHERE"},
    }[settings_of_zone["driver"]]
    with pytest.raises(Problem) as refused:
        made(settings_of_zone, **wrong).replace(now, now.with_ttl(60))
    assert refused.value.next
    assert zone.read("www", "A") == now


@pytest.mark.parametrize("program", ["bind", "python"])
def test_updates_have_to_be_signed_by_a_key_that_is_known(tmp_path: Path, program: str) -> None:
    with updated(tmp_path, program) as settings:
        now = made(settings).read("www", "A")
        with pytest.raises(Problem, match="refused"):
            made(settings, key_name="other").replace(now, now.with_ttl(60))
        with pytest.raises(Problem, match=r"REFUSED|NOTAUTH"):
            made(settings, key_name="").replace(now, now.with_ttl(60))
        with pytest.raises(Problem, match="is no base64"):
            made(settings, key_secret="not base64!").replace(now, now.with_ttl(60))
        alias = made(settings).read("alias", "CNAME")
        assert alias.values == (WWW,)
        made(settings).replace(alias, RecordSet.of(alias.name, "CNAME", 60, [f"www2.{ZONE}."]))
        assert made(settings).read("alias", "CNAME").values == (f"www2.{ZONE}",)
        with pytest.raises(Problem, match="not authoritative"):
            answers_of(settings["server"], "www.elsewhere.test", "A")


def test_what_is_proxied_is_refused_since_people_never_see_the_record() -> None:
    with cloudflare() as settings, pytest.raises(Problem, match="is proxied at Cloudflare"):
        made(settings).read("hid", "A")


def test_a_server_that_is_silent_is_said_to_be() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        answers_of("127.0.0.1:9", WWW, "A")


def test_servers_are_those_that_are_named_with_their_ports() -> None:
    systems = Systems(
        {"zone": {"kind": "dns", "driver": "rfc2136", "zone": ZONE, "servers": "192.0.2.1, a:54"}}
    )
    assert authoritative(systems["zone"]) == ["192.0.2.1:53", "a:54"]


@pytest.mark.parametrize("program", ["bind", "python"])
def test_without_names_every_server_of_the_zone_is_found_those_of_ipv6_too(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = f"{RECORDS}; @ 60 NS six.{ZONE}.; six 60 AAAA 2001:db8::53"
    with updated(tmp_path / "dns", program, more) as settings:
        host, _, port = settings["server"].rpartition(":")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [host], int(port)
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        unnamed = Systems(
            {"zone": {**settings, "servers": ""}, "none": {**settings, "servers": "", "zone": "no.test"}}
        )
        assert authoritative(unnamed["zone"]) == ["127.0.0.1:53", "[2001:db8::53]:53"]
        with pytest.raises(Problem, match=r"name servers of no\.test cannot be found"):
            authoritative(unnamed["none"])


def test_route_53_without_its_extra_and_without_tls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"kind": "dns", "driver": "route53", "zone": ZONE, "zone_id": "Z", "access_key": "a"}
    with pytest.raises(Problem, match="is no https address"):
        made({**settings, "secret_key": "b", "url": "http://aws.invalid"}).read("www", "A")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Problem, match="not installed for Route 53"):
        made({**settings, "secret_key": "b"}).read("www", "A")


def test_the_sandbox_keeps_its_zone_over_a_restart(tmp_path: Path) -> None:
    with updated(tmp_path, "python") as settings:
        zone = made(settings)
        now = zone.read("www", "A")
        zone.replace(now, RecordSet.of(WWW, "A", 30, ["198.51.100.3"]))
    with updated(tmp_path, "python") as settings:
        assert made(settings).read("www", "A").values == ("198.51.100.3",)
