"""A canary ingress of ingress-nginx by the Kubernetes API: its annotations have the share of the new stack,
and a header and a cookie (kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations).

Requests are counted by the controller's metrics, by service
(kubernetes.github.io/ingress-nginx/user-guide/monitoring).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.clients.http import Response, explain_effect
from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.passed_requests import MemberRequests, PassedRequests, not_counted
from integrations.clients.proxies.prometheus_text import parse_samples, read_count
from integrations.clients.proxies.proxy import Proxy, Weights, changed_meanwhile, missing_member
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer, reading_answer

CANARY = "nginx.ingress.kubernetes.io/canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
HEADER = "nginx.ingress.kubernetes.io/canary-by-header"
HEADER_VALUE = "nginx.ingress.kubernetes.io/canary-by-header-value"
COOKIE = "nginx.ingress.kubernetes.io/canary-by-cookie"
ALWAYS = "always"  # the only value of a canary's cookie that leads to it
API, UNCHANGED = "the Kubernetes API", "Nothing was changed."
REQUESTS, STARTED = "nginx_ingress_controller_requests", "process_start_time_seconds"


@driver(
    "proxy",
    "kubernetes",
    summary="the API server: a canary ingress (`lb.shift`) or the ingress itself (`ingress.switch`); "
    "`pool` is the ingress, `old` and `new` services (`name` or `name:port`)",
    settings={
        "url": "the API server",
        "token": "",
        "namespace": "`default`",
        "metrics": "addresses of the metrics of all pods of ingress-nginx, with spaces between "
        "(`http://…:10254/metrics`)",
    },
    public=("namespace",),
    addresses=("url", "metrics"),
)
class Kubernetes(Proxy):
    """A canary ingress that leads to the service ``new``, beside a main ingress that leads to ``old``."""

    def read(self) -> tuple[Weights, Any]:
        """The weight of the canary, and the resource version that it was read at."""
        notes, version = self._read_annotations()
        with reading_answer(API, means=UNCHANGED):
            return Weights.to_new(JsonAnswer(notes.get(WEIGHT, "0"), WEIGHT).whole(0, 100)), version

    def _read_annotations(self) -> tuple[Mapping[str, str], str]:
        """The annotations of the canary, and its resource version. Raises `Problem` for another ingress."""
        with reading_answer(API, means=UNCHANGED):
            ingress = JsonAnswer(self.call_api("GET").json())
            notes = read_annotations(ingress)
            services = sorted({service.at("name").text() for service in list_backends(ingress.at("spec"))})
            version = ingress.at("metadata", "resourceVersion").text()
        if services != [self.system["new"]] or notes.get(CANARY) != "true":
            raise missing_member(self.system, services)
        return notes, version

    def set(self, weights: Weights, version: Any) -> None:
        """Changes the annotation. The API server refuses when the resource version is no longer the same."""
        change = {"metadata": {"resourceVersion": version, "annotations": {WEIGHT: str(weights.new)}}}
        self.call_api("PATCH", change)

    def commands(self, weights: Weights) -> list[str]:
        """The single request that `set` sends."""
        return [f"PATCH {self.path()}: {WEIGHT}: “{weights.new}”, at the resource version just read"]

    def explain_unsupported(self, people: NamedPeople) -> str:
        """A canary knows a header, and a cookie that says “always”; no addresses."""
        if people.addresses:
            return "A canary of ingress-nginx cannot choose by address: name a header or a cookie."
        if people.cookie[0] and people.cookie[1] != ALWAYS:
            return f"ingress-nginx asks for the value “{ALWAYS}”: write cookie: {people.cookie[0]}={ALWAYS}."
        return ""

    def read_people(self) -> NamedPeople:
        """From the annotations."""
        return self._read_people()[0]

    def _read_people(self) -> tuple[NamedPeople, str]:
        notes, version = self._read_annotations()
        header, cookie = notes.get(HEADER, ""), notes.get(COOKIE, "")
        value = notes.get(HEADER_VALUE, ALWAYS) if header else ""
        return NamedPeople((header.lower(), value), (cookie, ALWAYS if cookie else "")), version

    def set_people(self, people: NamedPeople, before: NamedPeople) -> None:
        """Changes the annotations. The API server refuses when the resource version is no longer the same."""
        now, version = self._read_people()
        if now != before:
            raise changed_meanwhile(self.where)
        notes = _people_annotations(people)
        self.call_api("PATCH", {"metadata": {"resourceVersion": version, "annotations": notes}})

    def people_commands(self, people: NamedPeople) -> list[str]:
        """The single request that `set_people` sends."""
        notes = _people_annotations(people).items()
        said = ", ".join(f"{name}: “{value}”" if value else f"remove {name}" for name, value in notes)
        return [f"PATCH {self.path()}: {said}, at the resource version just read"]

    def read_requests(self) -> PassedRequests:
        """From the controller's metrics: a counter for each service, without the time of the last request."""
        pods = self.system.get("metrics").split()
        if not pods:
            raise not_counted(f"{self.where} has no metrics: in the runbook")
        totals: Counter[str] = Counter()
        starts = [self._add_requests(pod, totals) for pod in pods]
        # Of several pods the one that started last knows the shortest time.
        since = None if None in starts else max(start for start in starts if start)
        old, new = (self.system[name].partition(":")[0] for name in ("old", "new"))
        return PassedRequests(
            MemberRequests(totals[old], None, since), MemberRequests(totals[new], None, since)
        )

    def _add_requests(self, pod: str, totals: Counter[str]) -> datetime | None:
        """Adds the requests of one pod to ``totals``, by service. Returns when the pod was started."""
        reply = self.http_client.request(pod)
        if not reply.ok:
            raise not_counted(f"the metrics of the ingress controller answer {reply.status}")
        namespace, started = self.system.get("namespace") or "default", None
        try:
            for sample in parse_samples(reply.body.decode()):
                if sample.name == REQUESTS and sample.labels.get("namespace") == namespace:
                    totals[sample.labels.get("service", "")] += read_count(sample)
                elif sample.name == STARTED:
                    started = datetime.fromtimestamp(sample.value, UTC)
        except (ValueError, OverflowError, OSError):  # of times and counts such as 1e30, or infinite
            raise not_counted("the metrics of the ingress controller have an unknown form") from None
        return started

    def path(self) -> str:
        """The path of the ingress at the API server."""
        namespace = self.system.get("namespace") or "default"
        return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{self.system['pool']}"

    def call_api(self, method: str, change: Any = None) -> Response:
        """Reads the ingress, or changes it by a merge patch. Raises `Problem`, also for an unknown effect."""
        headers = {"Authorization": f"Bearer {self.system['token']}"}
        if change is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        reply = self.http_client.request(
            self.system["url"], self.path(), method=method, send=change, headers=headers
        )
        if reply.status == 409:
            raise changed_meanwhile(self.where)
        if not reply.ok:
            raise Problem(
                f"The Kubernetes API answered {reply.status}: {reply.error_text()}",
                means=UNCHANGED if change is None else explain_effect(reply.status),
                next="401, 403: the token may not get and patch ingresses; 404: check pool: and namespace:.",
            )
        return reply


def read_annotations(ingress: JsonAnswer) -> dict[str, str]:
    """The annotations of an ingress. Raises ValueError for another shape."""
    notes = ingress.at("metadata").find("annotations")
    return notes.texts() if notes else {}


def list_backends(spec: JsonAnswer) -> list[JsonAnswer]:
    """Every service that the routes of an ingress name. Raises ValueError for another shape."""
    rules, default = spec.find("rules"), spec.find("defaultBackend")
    found = [default] if default else []
    for rule in rules.items() if rules else []:
        http = rule.find("http")
        paths = http.find("paths") if http else None
        found += [path.at("backend") for path in paths.items()] if paths else []
    return [service for backend in found if (service := backend.find("service"))]


def _people_annotations(people: NamedPeople) -> dict[str, str | None]:
    """None removes an annotation (RFC 7386)."""
    return {
        HEADER: people.header[0] or None,
        HEADER_VALUE: people.header[1] or None,
        COOKIE: people.cookie[0] or None,
    }
