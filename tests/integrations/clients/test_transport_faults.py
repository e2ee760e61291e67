"""However a connection fails: a client says so in time, follows nobody elsewhere, and claims nothing.

The questions are those of `answer_cases`, which has every driver that speaks HTTP; drivers and clients of
other protocols have theirs in `OTHERS`. An error about a change that may have been made must not say that
nothing was changed. The suite tries some faults of each, chosen by a seed; `./panel test long` tries all.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations import drivers
from integrations.clients import http, load_drivers, mail, postgres, redis_deadline, redis_server
from integrations.clients.dns import rfc2136
from integrations.clients.dns.zone import get_zone
from integrations.clients.http import HttpClient, Response
from integrations.clients.payments.gift_api import GiftUnanswered
from integrations.clients.proxies import Weights, haproxy
from integrations.clients.proxies.proxy import get_proxy
from integrations.errors import Problem, Unreachable
from integrations.systems import Systems
from tests.integrations.clients.answer_case import AnswerCase
from tests.integrations.clients.answer_cases import (
    CANARY,
    CASES,
    ELSEWHERE,
    HANDLER,
    NEW,
    OLD,
    POLICY,
    POOL,
    POWERDNS_SET,
    ZONE,
)
from tests.integrations.clients.fault_server import FAULTS, UNCERTAIN, FaultServer, fault_server, within

SHARE = 0.2  # of the faults that the suite tries
SHORT = 0.4  # seconds that a request may take here
LONGEST = 14.0  # seconds for a question of several requests, on a busy machine
UNCHANGED = "othing was changed"


def set_weights(systems: Systems) -> Any:
    proxy = get_proxy(systems["s"], systems)
    return proxy.set(Weights(50, 50), proxy.read()[1]) or "set"


CHANGES = [
    AnswerCase(
        "dns/powerdns",
        "replace",
        ZONE,
        lambda s: get_zone(s["s"], s).replace(OLD, NEW) or "replaced",
        {"": {"rrsets": [POWERDNS_SET]}},
    ),
    AnswerCase("proxy/kubernetes", "set", POOL, set_weights, {"": CANARY}),
    AnswerCase("proxy/caddy", "set", POOL, set_weights, {"selection_policy": POLICY, "": HANDLER}),
]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as made, fault_server() as other:
        made.other = other.url
        yield made
        assert other.asked == 0, "a request followed a redirect to another host"


class Network:
    """Sends every request of clients to the faulty server; with ``only_changes`` reads get a good answer."""

    def __init__(self, case: AnswerCase, server: FaultServer, *, only_changes: bool) -> None:
        self.case, self.server, self.only_changes = case, server, only_changes
        self.real, self.changes = HttpClient.request, 0

    def request(self, client: HttpClient, base: str, path: str = "", **more: Any) -> Response:
        is_change = bool(more.get("method", "GET") not in ("GET", "HEAD", "")) or any(
            more.get(name) is not None for name in ("send", "form", "body")
        )
        self.changes += is_change
        if self.only_changes and not is_change:
            return self._good(base + path)
        asked = urlsplit(base + path)
        more["timeout"] = SHORT
        query = f"?{asked.query}" if asked.query else ""
        return self.real(HttpClient(["127.0.0.1"]), self.server.url, f"{asked.path}{query}", **more)

    def _good(self, url: str) -> Response:
        part = next(part for part in self.case.answers if part in url)
        good = self.case.answers[part]
        body = good if isinstance(good, bytes) else json.dumps(good).encode()
        return Response(self.case.status, "application/json", body, 1.0, dict(self.case.headers))


def judge(case: AnswerCase, found: Any, seconds: float, *, may_be_changed: bool) -> str:
    """What is wrong with what came of it, "" for nothing."""
    if seconds > LONGEST:
        return f"it took {seconds:.1f} s"
    if isinstance(found, Problem):
        if not (found.what and (found.means or found.next)):
            return f"a Problem without a meaning: {found}"
        claims = may_be_changed and UNCHANGED in f"{found}"
        return f"it claims more than is known: {found}" if claims else ""
    if isinstance(found, case.refusals):
        is_wrong = may_be_changed and not isinstance(found, GiftUnanswered)
        return f"called a refusal: {found!r}" if is_wrong else ""
    return f"{type(found).__name__}: {found}" if isinstance(found, Exception) else ""


def chosen(name: str, *, is_long: bool) -> list[str]:
    """The faults to be tried."""
    pick = random.Random(name)
    return [fault for fault in [*FAULTS, "refused"] if is_long or pick.random() < SHARE]


@pytest.mark.property
@pytest.mark.parametrize("case", [*CASES, *CHANGES], ids=str)
def test_a_failing_connection_is_told_in_time_and_nothing_more_is_claimed(
    case: AnswerCase, server: FaultServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    load_drivers()
    is_long, wrong = bool(request.config.getoption("--property-round")), []
    for only_changes in (False, True):
        network = Network(case, server, only_changes=only_changes)
        monkeypatch.setattr(
            HttpClient, "request", lambda *given, _on=network, **more: _on.request(*given, **more)
        )
        for server.fault in chosen(f"{case} {only_changes}", is_long=is_long):
            url, network.changes = server.url, 0
            if server.fault == "refused":
                server.url = "http://127.0.0.1:1"
            found, seconds = within(LONGEST, lambda: case.ask(case.systems()))
            server.url = url
            uncertain = only_changes and network.changes > 0 and server.fault in UNCERTAIN
            if said := judge(case, found, seconds, may_be_changed=uncertain):
                wrong.append(f"{server.fault}{' of a change' if only_changes else ''}: {said}")
        monkeypatch.undo()
    assert wrong == []


def ask_redis(port: int) -> Any:
    with redis_server.connect(f"redis://:pw12345678@127.0.0.1:{port}/0") as client:
        return client.get("x")


def ask_postgres(port: int) -> Any:
    url = f"postgresql://a:pw12345678@127.0.0.1:{port}/x"
    with postgres.explain_errors(url), postgres.connect(url, readonly=True) as connection:
        return connection.execute("select 1").fetchall()


def ask_mail(port: int) -> Any:
    answer, said = mail.try_login(mail.MailLogin("127.0.0.1", port, "a", "pw12345678"))
    assert answer == mail.LoginAnswer.NOT_KNOWN, said
    raise Problem(said, means="Whether the login is accepted is not known.")


class KnownWeights(haproxy.Haproxy):
    """Begins with the change: what is there was read."""

    def _parts(self) -> dict[str, int]:
        return {}


def of_system(kind: str, do: Callable[[Systems], Any], **settings: str) -> Callable[[int], Any]:
    def ask(port: int) -> Any:
        filled = {name: value.format(port=port) for name, value in settings.items()}
        return do(Systems({"s": {"kind": kind, **filled}}, {}))

    return ask


ROUTE53 = {"driver": "route53", "zone": "example.org", "zone_id": "z1", "access_key": "k12345678",
           "secret_key": "s12345678", "url": "http://127.0.0.1:{port}"}  # fmt: skip
RFC2136 = {"driver": "rfc2136", "zone": "example.org", "server": "127.0.0.1:{port}",
           "servers": "127.0.0.1:{port}"}  # fmt: skip
HAPROXY = {"driver": "haproxy", "socket": "127.0.0.1:{port}", "pool": "web", "old": "a", "new": "b"}
#: Clients of other protocols, and drivers that bring a client of their own: name → question by the port.
OTHERS: dict[str, Callable[[int], Any]] = {
    "redis": ask_redis,
    "postgres": ask_postgres,
    "mail": ask_mail,
    "dns/rfc2136": of_system("dns", lambda s: get_zone(s["s"], s).read("www", "A"), **RFC2136),
    "dns/rfc2136 change": of_system("dns", lambda s: get_zone(s["s"], s).write(OLD, NEW), **RFC2136),
    "dns/route53": of_system("dns", lambda s: get_zone(s["s"], s).read("www", "A"), **ROUTE53),
    "dns/route53 change": of_system("dns", lambda s: get_zone(s["s"], s).write(OLD, NEW), **ROUTE53),
    "proxy/haproxy": of_system("proxy", lambda s: get_proxy(s["s"], s).read(), **HAPROXY),
    "proxy/haproxy change": of_system(
        "proxy", lambda s: KnownWeights(s["s"], HttpClient([])).set(Weights(50, 50), {}), **HAPROXY
    ),
}
#: Drivers that open no connection of their own, and why.
WITHOUT = {
    "oauth/apple": "asks what google asks",
    "proxy/nginx": "a file, and programs",
    **{
        f"platform/{name}": "programs: `strange_programs`"
        for name in ("helm", "compose", "kubectl", "command")
    },
}


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of each client; that they hold is what is tested, not how long they are."""
    for module, name in (
        (redis_server, "TIMEOUT"),
        (mail, "TIMEOUT"),
        (rfc2136, "TIMEOUT"),
        (haproxy, "TIMEOUT"),
    ):
        monkeypatch.setattr(module, name, 1.0)
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT", 2)


@pytest.mark.property
@pytest.mark.parametrize("name", OTHERS)
def test_clients_of_other_protocols_tell_it_in_time_too(
    name: str, server: FaultServer, short_timeouts: None, request: pytest.FixtureRequest
) -> None:
    load_drivers()
    is_long, wrong = bool(request.config.getoption("--property-round")), []
    case = AnswerCase(name, "", {}, lambda s: None, {})
    for server.fault in chosen(name, is_long=is_long):
        port = 1 if server.fault == "refused" else server.port
        found, seconds = within(LONGEST, lambda: OTHERS[name](port))  # noqa: B023  # used at once
        if not isinstance(found, Exception):
            wrong.append(f"{server.fault}: read as {found}")
        changing = name.endswith("change") and server.fault in UNCERTAIN
        if said := judge(case, found, seconds, may_be_changed=changing):
            wrong.append(f"{server.fault}: {said}")
    assert wrong == []


def drip_answer(peer: socket.socket, server: FaultServer) -> None:
    """The right beginning of an answer of Redis, and then a byte now and then."""
    peer.sendall(b"$100000\r\n")
    for _ in range(160):  # an end, so that the test fails and does not hang
        if not server.closing.wait(0.05):
            peer.sendall(b"x")


def test_a_redis_that_dribbles_does_not_hold_a_worker_for_ever(
    server: FaultServer, short_timeouts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_deadline, "ANSWER_SECONDS", 0.5)
    monkeypatch.setitem(FAULTS, "drip of redis", drip_answer)
    server.fault = "drip of redis"
    found, seconds = within(LONGEST, lambda: ask_redis(server.port))
    assert isinstance(found, Problem), found
    assert seconds < LONGEST / 2


def test_every_driver_is_asked_through_failing_connections() -> None:
    load_drivers()
    asked = {case.covers for case in [*CASES, *CHANGES]} | {name.partition(" ")[0] for name in OTHERS}
    assert {f"{kind}/{name}" for kind, name in drivers.REGISTRY} - asked - WITHOUT.keys() == set()
    assert ELSEWHERE.keys() - asked - WITHOUT.keys() == set()


def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*given: Any, **more: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable) as refused:
        HttpClient(["api.invalid"]).request("https://api.invalid", "/x")
    assert refused.value.next
    assert http.TIMEOUT <= 10
