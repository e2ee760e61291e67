"""Each DNS service is read, and changed only while the old record set is there; refusals are explained."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import dns.resolver
import pytest

from integrations.clients.dns import RecordSet, Zone, authoritative_servers, get_zone, query_server
from integrations.clients.dns.route53 import normal_listed_name
from integrations.errors import Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.canned import Answer, canned
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
    return get_zone(systems["zone"], systems)


@pytest.fixture
def zone(settings_of_zone: Settings) -> Iterator[Zone]:
    """The zone with its first records, whatever a test before changed."""
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


def test_a_record_set_is_read_replaced_and_served(zone: Zone) -> None:
    now = zone.read("www", "A")
    assert now == RecordSet(WWW, "A", 300, ("192.0.2.1",))
    assert zone.read(f"{WWW}.", "A") == now, "a full name is understood, too"
    two = RecordSet.of(WWW, "A", 60, ["198.51.100.2", "198.51.100.1"])
    assert zone.commands(now, two)
    zone.replace(now, two)
    assert zone.read("www", "A") == two
    if zone.system.get("servers"):
        (server,) = zone.servers()
        assert query_server(server, WWW, "A") == two


def test_a_missing_record_set_is_created_and_deleted(zone: Zone) -> None:
    nothing = zone.read("fresh", "A")
    assert nothing.values == ()
    fresh = RecordSet.of(f"fresh.{ZONE}", "A", 60, ["192.0.2.9"])
    zone.replace(nothing, fresh)
    assert zone.read("fresh", "A") == fresh
    zone.replace(fresh, nothing)
    assert zone.read("fresh", "A").values == ()


def test_a_change_by_somebody_else_is_not_overwritten(zone: Zone) -> None:
    seen = RecordSet.of(WWW, "A", 300, ["203.0.113.77"])
    with pytest.raises(Problem, match="no longer says") as refused:
        zone.replace(seen, RecordSet.of(WWW, "A", 60, ["198.51.100.1"]))
    assert "nothing was written" in refused.value.means
    assert zone.read("www", "A").values == ("192.0.2.1",)


def test_a_wrong_credential_is_explained(settings_of_zone: Settings) -> None:
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
            query_server(settings["server"], "www.elsewhere.test", "A")


def test_an_alias_is_not_read_as_the_record_that_it_leads_to(tmp_path: Path) -> None:
    with updated(tmp_path / "bind", "bind") as settings:
        with pytest.raises(Problem, match=f"alias.{ZONE} is a CNAME to {WWW}, and no A"):
            made(settings).read("alias", "A")
        assert made(settings).read("alias", "CNAME").ttl == 120


def test_an_automatic_ttl_is_what_the_servers_answer_and_becomes_seconds() -> None:
    with cloudflare() as settings:
        systems = Systems({"zone": settings}, {})
        zone = get_zone(systems["zone"], systems)
        now = zone.read("auto", "A")
        assert now.ttl == 300
        assert "“automatic” at Cloudflare: the servers answer 300 s" in zone.explain_ttl("auto", "A")
        zone.replace(now, now.with_ttl(60))
        assert zone.read("auto", "A").ttl == 60
        assert zone.explain_ttl("auto", "A") == zone.explain_ttl("www", "A") == ""


def test_an_alias_and_a_conflict_are_named_by_every_service(zone: Zone) -> None:
    """A change that cannot be is refused with its cause, and nobody is accused of a change."""
    alias = RecordSet.of(f"new-alias.{ZONE}", "CNAME", 60, [f"lb.{ZONE}"])
    nothing = zone.read(alias.name, "CNAME")
    zone.replace(nothing, alias)
    with pytest.raises(Problem, match=f"new-alias.{ZONE} is a CNAME to lb.{ZONE}"):
        zone.read(alias.name, "A")
    zone.replace(alias, nothing)
    beside = RecordSet.of(WWW, "CNAME", 60, [f"lb.{ZONE}"])
    with pytest.raises(Problem, match="so it cannot be a CNAME, too"):
        zone.replace(zone.read("www", "CNAME"), beside)
    assert zone.read_types(WWW) == {"A"}


def test_a_wildcard_is_read_by_its_own_name(zone: Zone) -> None:
    star = RecordSet.of(f"*.stars.{ZONE}", "A", 60, ["192.0.2.7"])
    nothing = zone.read(star.name, "A")
    zone.replace(nothing, star)
    assert zone.read(star.name, "A") == star
    zone.replace(star, nothing)


def test_route_53_lists_a_wildcard_in_octal() -> None:
    assert normal_listed_name(f"\\052.Stars.{ZONE}.") == f"*.stars.{ZONE}"


CLOUDFLARE_REFUSALS = [  # status, errors, what is said, what to do
    (403, [{"code": 9109, "message": "Invalid access token"}], "Invalid access token", "Check token:"),
    (400, [{"code": 7003, "message": "Could not route"}], "Could not route", "Check zone_id:"),
    (429, [{"code": 971, "message": "Please wait"}], "Please wait", "Wait five minutes"),
    (
        400,
        [
            {
                "code": 1004,
                "message": "DNS Validation Error",
                "error_chain": [{"code": 9021, "message": "Invalid TTL."}],
            }
        ],
        "DNS Validation Error.*Invalid TTL",
        "Correct what it names",
    ),
    (400, [{"code": 81053, "message": "host already exists"}], "host already exists", "a CNAME stands alone"),
    (502, "<html>", r"502 \(text/html", "Correct what it names"),
    (400, {"errors": {}}, "400", "Correct what it names"),
]


LISTED = {"id": "1", "type": "A", "name": WWW, "content": "192.0.2.1", "ttl": 300, "proxied": False}


@pytest.mark.parametrize(("status", "errors", "said", "step"), CLOUDFLARE_REFUSALS)
def test_a_refusal_of_cloudflare_is_told_with_the_advice_of_its_code(
    status: int, errors: Any, said: str, step: str
) -> None:
    """The codes are those of public reports, such as github.com/NewFuture/DDNS/issues/21 (81057)."""
    page = errors if isinstance(errors, str) else json.dumps({"success": False, "errors": errors})
    kind = "text/html" if isinstance(errors, str) else "application/json"
    listed = json.dumps({"success": True, "result": [LISTED]}).encode()

    def answer(method: str, path: str) -> Answer:
        return (status, kind, page.encode()) if method == "POST" else (200, "application/json", listed)

    with canned(answer) as url:
        settings = {"kind": "dns", "driver": "cloudflare", "zone": ZONE, "zone_id": "z", "token": "t"}
        zone = made({**settings, "url": url})
        now = zone.read("www", "A")
        with pytest.raises(Problem, match=said) as refused:
            zone.replace(now, now.with_ttl(60))
    assert step in refused.value.next
    assert "omebody else" not in str(refused.value)


ANSWERS = [b"<html>", b"null", b"[]", b"{}", b'{"rrsets": {}}', b'{"rrsets": [{"name": 1}]}', b"[" * 9000]
ANSWERS += [b'{"success": true}', b'{"success": true, "result": {}}', b'{"success": true, "result": [{}]}']
ANSWERS += [b'{"success": true, "result": [1]}', b'{"rrsets": [{"name": "www.move.test.", "type": "A"}]}']


@pytest.mark.parametrize("driver", ["powerdns", "cloudflare"])
def test_an_answer_of_another_form_is_a_message(driver: str) -> None:
    bodies = iter(ANSWERS)
    settings = {"kind": "dns", "driver": driver, "zone": ZONE, "zone_id": "z", "token": "t"}
    with canned(lambda method, path: (200, "application/json", next(bodies))) as url:
        zone = made({**settings, "url": url})
        for body in ANSWERS:
            with suppress(Problem):  # nothing else comes out, and no record is invented
                assert not zone.read("www", "A").values, body


def test_powerdns_names_the_record_that_stands_in_the_way(tmp_path: Path) -> None:
    with powerdns(tmp_path / "powerdns") as settings:
        zone = made(settings)
        with pytest.raises(Problem, match=r"422 .*Conflicts with pre-existing") as refused:
            zone.write(zone.read("www", "CNAME"), RecordSet.of(WWW, "CNAME", 60, [f"lb.{ZONE}"]))
    assert "another record of this name" in refused.value.next


def test_a_proxied_record_is_refused() -> None:
    with cloudflare() as settings, pytest.raises(Problem, match="is proxied at Cloudflare"):
        made(settings).read("hid", "A")


def test_a_server_that_does_not_answer_is_reported() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        query_server("127.0.0.1:9", WWW, "A")


def test_named_servers_are_used_with_their_ports() -> None:
    systems = Systems(
        {"zone": {"kind": "dns", "driver": "rfc2136", "zone": ZONE, "servers": "192.0.2.1, a:54"}}
    )
    assert authoritative_servers(systems["zone"]) == ["192.0.2.1:53", "a:54"]


@pytest.mark.parametrize("program", ["bind", "python"])
def test_without_names_every_server_of_the_zone_is_found_ipv6_included(
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
        assert authoritative_servers(unnamed["zone"]) == ["127.0.0.1:53", "[2001:db8::53]:53"]
        with pytest.raises(Problem, match=r"name servers of no\.test cannot be found"):
            authoritative_servers(unnamed["none"])


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
