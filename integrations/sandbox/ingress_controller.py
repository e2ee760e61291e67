"""The ingress controller of the sandbox's cluster: each request goes where the ingresses say at that moment.

Rules are matched as Kubernetes matches them (host, then the longest path, an exact one first, then the
default backend), and a canary takes its percents as ingress-nginx gives them. What the service answers comes
back as it is, so that its own ``Server`` header tells who it was.
"""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.clients.proxies.kubernetes import CANARY, WEIGHT
from integrations.sandbox.serving import Answer, Asked

TIMEOUT = 30.0  # seconds for a service's answer
#: headers that belong to one connection and are not handed on (RFC 9110, 7.6.1); lengths are made anew
OF_A_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"content-length", "expect"}
)

Object = Mapping[str, Any]
Rank = tuple[bool, bool, int]  # of a path that fits: of a named host, exact, how long


class Controller:
    """``ingresses`` gives those that hold now, ``services`` the address of each “name:port”."""

    def __init__(self, ingresses: Callable[[], Iterable[Object]], services: Mapping[str, str]) -> None:
        self.ingresses, self.services = ingresses, services
        self.numbers = itertools.count()

    def __call__(self, asked: Asked) -> Answer:
        """The answer of the service that it is led to, or the controller's own error."""
        service = self._service(asked.headers.get("host", "").partition(":")[0], asked.path)
        if service is None:
            return Answer(404, "default backend - 404")
        port = service.get("port") or {}
        url = self.services.get(f"{service['name']}:{''.join(map(str, port.values()))}")
        if url is None:
            return Answer(503, "<h1>503 Service Temporarily Unavailable</h1>")
        return forwarded(url, asked)

    def _service(self, host: str, path: str) -> Object | None:
        main, canaries = list[Object](), list[Object]()
        for one in self.ingresses():
            (canaries if _notes(one).get(CANARY) == "true" else main).append(one)
        found = leads_to(main, host, path)
        number = next(self.numbers) * 37 % 100  # a hundred in a row meet each number once, well mixed
        for one in canaries:
            beside = leads_to([one], host, path)
            if found is not None and beside is not None and number < int(_notes(one).get(WEIGHT, "0")):
                return beside
        return found


def leads_to(ingresses: Iterable[Object], host: str, path: str) -> Object | None:
    """The service of the rule that fits best, else a default backend's; None where nothing leads."""
    specs = [one["spec"] for one in ingresses]
    fitting = [each for spec in specs for each in _fitting(spec, host, path)]
    if fitting:
        return max(fitting, key=lambda each: each[0])[1]
    named = (spec["defaultBackend"].get("service") for spec in specs if spec.get("defaultBackend"))
    return next((service for service in named if service), None)


def _fitting(spec: Object, host: str, path: str) -> Iterator[tuple[Rank, Object]]:
    for rule in spec.get("rules") or []:
        if rule.get("host", "") not in ("", host):
            continue
        for one in (rule.get("http") or {}).get("paths") or []:
            if _fits(one, path):
                exact = one["pathType"] == "Exact"
                yield (bool(rule.get("host")), exact, len(one["path"])), one["backend"]["service"]


def _fits(one: Object, path: str) -> bool:
    """A prefix counts by whole parts: “/give” leads “/give/now”, and not “/given”."""
    wanted = one.get("path", "/")
    if one["pathType"] == "Exact":
        return bool(path == wanted)
    return f"{path.rstrip('/')}/".startswith(f"{wanted.rstrip('/')}/")


def _notes(ingress: Object) -> Mapping[str, str]:
    return ingress["metadata"].get("annotations") or {}


def forwarded(url: str, asked: Asked) -> Answer:
    """The same request at that address of this machine, and its answer; 502 and 504 as a proxy says them."""
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1"
    sent = {name: value for name, value in asked.headers.items() if name not in OF_A_CONNECTION}
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT)
    try:
        connection.request(asked.method, asked.target, asked.body or None, {**sent, "connection": "close"})
        reply = connection.getresponse()
        body = reply.read()
    except TimeoutError:
        return Answer(504, "<h1>504 Gateway Time-out</h1>")
    except (OSError, http.client.HTTPException):
        return Answer(502, "<h1>502 Bad Gateway</h1>")
    finally:
        connection.close()
    kept = {name.title(): value for name, value in reply.getheaders() if name.lower() not in OF_A_CONNECTION}
    return Answer(reply.status, body, kept)
