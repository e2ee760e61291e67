"""A Kubernetes ingress by the API server: the services that its routes lead to, read and replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from integrations.clients import load_drivers
from integrations.clients.http import HttpClient
from integrations.clients.proxies.kubernetes import (
    API,
    CANARY,
    UNCHANGED,
    Kubernetes,
    list_backends,
    read_annotations,
)
from integrations.clients.proxies.proxy import missing_member
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer, reading_answer
from integrations.systems import System, Systems

ROUTES = ("rules", "defaultBackend")  # the parts of an ingress' spec that name services


class Ingress(Kubernetes):
    """The main ingress ``pool``; ``old`` and ``new`` are services, as “name” or “name:port”.

    A service without a port keeps the port that the route has.
    """

    def routes(self) -> tuple[dict[str, Any], str]:
        """The parts of the spec that name services, and the resource version.

        Raises `Problem` for a canary ingress.
        """
        with reading_answer(API, means=UNCHANGED):
            found = JsonAnswer(self.call_api("GET").json())
            is_canary = read_annotations(found).get(CANARY) == "true"
            _check_backends(found.at("spec"))
            spec = {name: found.value["spec"][name] for name in ROUTES if name in found.value["spec"]}
            version = found.at("metadata", "resourceVersion").text()
        if is_canary:
            raise Problem(
                f"{self.where} is a canary, and not the ingress that people come through.",
                means="Nothing was changed.",
                next="Name the main ingress in pool:; a canary's weight is set by lb.shift.",
            )
        return spec, version

    def switched(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The same routes with the new service in place of the old one.

        Raises `Problem` when no route leads to the old service.
        """
        changed = deepcopy(dict(spec))
        old, _, port = self.system["old"].partition(":")
        mine = [
            one
            for one in backends(changed)
            if one["name"] == old and port in ("", *map(str, _port(one).values()))
        ]
        if not mine:
            raise missing_member(self.system, services(spec))
        for one in mine:
            _point_to(one, self.system["new"])
        return changed

    def put(self, spec: Mapping[str, Any], version: str) -> None:
        """Writes these routes. The API server refuses when the resource version is no longer the same."""
        gone: dict[str, Any] = {name: None for name in ROUTES if name not in spec}
        self.call_api("PATCH", {"metadata": {"resourceVersion": version}, "spec": {**gone, **spec}})

    def request(self) -> str:
        """What `put` sends, as text for a preview."""
        return f"PATCH {self.path()}, at the resource version just read"


def get_ingress(system: System, systems: Systems) -> Ingress:
    """The ingress of a system of kind ``proxy``. Raises `Problem` for another driver than kubernetes."""
    load_drivers()
    if system.driver() != "kubernetes":
        raise Problem(
            f"“{system.name}” is no Kubernetes ingress, but {system.driver()}.",
            means="Nothing was changed.",
            next="Use lb.shift for it, or correct driver:.",
        )
    return Ingress(system, HttpClient.of(systems))


def backends(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every service that the routes name; the caller may change them in place."""
    for rule in spec.get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            if service := (path.get("backend") or {}).get("service"):
                yield service
    if service := (spec.get("defaultBackend") or {}).get("service"):
        yield service


def _check_backends(spec: JsonAnswer) -> None:
    """Raises ValueError for routes of another shape than `backends` and `services` read."""
    for service in list_backends(spec):
        service.at("name").text()
        if port := service.find("port"):
            port.object()


def services(spec: Mapping[str, Any]) -> list[str]:
    """Each service once, as “name:port”."""
    found = (f"{one['name']}:{''.join(map(str, _port(one).values()))}" for one in backends(spec))
    return sorted({name.rstrip(":") for name in found})


def _port(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return service.get("port") or {}


def _point_to(service: dict[str, Any], new: str) -> None:
    name, _, port = new.partition(":")
    service["name"] = name
    if port:
        service["port"] = {"number": int(port)} if port.isdecimal() else {"name": port}
