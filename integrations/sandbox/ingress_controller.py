"""The ingress controller of the sandbox's cluster: each request goes where the ingresses say at that moment.

Rules are matched as Kubernetes matches them (host, then the longest path, an exact one first, then the
default backend). A canary takes a header first, then a cookie, then its percents, as ingress-nginx does
(kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations, Canary).
What the service answers comes back as it is, without a ``Server`` header: ingress-nginx sends none by default
(kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap, server-tokens). Requests are
counted by service, as its metrics show them (kubernetes.github.io/ingress-nginx/user-guide/monitoring).
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.clients.proxies.kubernetes import (
    CANARY,
    COOKIE,
    HEADER,
    HEADER_VALUE,
    REQUESTS,
    STARTED,
    WEIGHT,
)
from integrations.sandbox.serving import Answer, Asked

TIMEOUT = 30.0  # seconds for a service's answer
#: headers that belong to one connection and are not handed on (RFC 9110, 7.6.1); lengths are made anew
OF_A_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"content-length", "expect"}
)
NOT_RETURNED = OF_A_CONNECTION | {"server"}

Object = Mapping[str, Any]
Rank = tuple[bool, bool, int]  # of a path that fits: of a named host, exact, how long


class Controller:
    """``ingresses`` gives those that hold now, ``services`` the address of each “name:port”."""

    def __init__(self, ingresses: Callable[[], Iterable[Object]], services: Mapping[str, str]) -> None:
        self.ingresses, self.services = ingresses, services
        self.numbers = itertools.count()
        self.requests: Counter[tuple[str, str, str]] = Counter()  # namespace, service, status
        self.lock, self.started = threading.Lock(), time.time()

    def __call__(self, asked: Asked) -> Answer:
        """The answer of the service that it is led to, or the controller's own error."""
        service = self._service(asked)
        if service is None:
            return Answer(404, "default backend - 404")
        answer = self._passed(service, asked)
        with self.lock:
            namespace = next((one["metadata"].get("namespace", "") for one in self.ingresses()), "")
            self.requests[namespace, service["name"], str(answer.status)] += 1
        return answer

    def metrics(self, asked: Asked) -> Answer:
        """The counters of requests in the text format of Prometheus, at /metrics."""
        if (asked.method, asked.path) != ("GET", "/metrics"):
            return Answer(404, "404 page not found")
        with self.lock:
            found = sorted(self.requests.items())
        lines = [f"# HELP {REQUESTS} The total number of client requests", f"# TYPE {REQUESTS} counter"]
        for (namespace, service, status), count in found:
            labels = f'namespace="{namespace}",service="{service}",status="{status}"'
            lines.append(f"{REQUESTS}{{{labels}}} {count}")
        lines += [f"# TYPE {STARTED} gauge", f"{STARTED} {self.started:.2f}", ""]
        return Answer(200, "\n".join(lines), {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _passed(self, service: Object, asked: Asked) -> Answer:
        port = service.get("port") or {}
        url = self.services.get(f"{service['name']}:{''.join(map(str, port.values()))}")
        if url is None:
            return Answer(503, "<h1>503 Service Temporarily Unavailable</h1>")
        return forwarded(url, asked)

    def _service(self, asked: Asked) -> Object | None:
        host, path = asked.headers.get("host", "").partition(":")[0], asked.path
        main, canaries = list[Object](), list[Object]()
        for one in self.ingresses():
            (canaries if _notes(one).get(CANARY) == "true" else main).append(one)
        found = leads_to(main, host, path)
        number = next(self.numbers) * 37 % 100  # a hundred in a row meet each number once, well mixed
        for one in canaries:
            beside = leads_to([one], host, path)
            if found is not None and beside is not None and _is_canary(_notes(one), asked.headers, number):
                return beside
        return found


def _is_canary(notes: Mapping[str, str], headers: Mapping[str, str], number: int) -> bool:
    """Whether a request with these headers goes to the canary; ``number`` (0 to 99) is compared with its
    percents. A value that is neither “always” nor “never” is ignored."""
    said = headers.get(notes.get(HEADER, "").lower(), "")
    if HEADER_VALUE in notes:
        said = "always" if said == notes[HEADER_VALUE] else ""
    if said not in ("always", "never"):
        cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        said = next((value for name, _, value in cookies if name == notes.get(COOKIE)), "")
    if said in ("always", "never"):
        return said == "always"
    return number < int(notes.get(WEIGHT, "0"))


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
    kept = {name.title(): value for name, value in reply.getheaders() if name.lower() not in NOT_RETURNED}
    return Answer(reply.status, body, kept)
