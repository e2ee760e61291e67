"""A Kubernetes ingress by the API server: which service its paths lead to, changed and put back whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from integrations.clients.http import Caller
from integrations.clients.proxies.driver import no_member
from integrations.clients.proxies.kubernetes import CANARY, Kubernetes
from integrations.errors import Problem
from integrations.systems import System, Systems

ROUTES = ("rules", "defaultBackend")  # the parts of an ingress' spec that name services


class Ingress(Kubernetes):
    """``pool``: the ingress; ``old``, ``new``: services, as “name” or “name:port” (number or name).

    One without a port keeps the port that the path has.
    """

    def routes(self) -> tuple[dict[str, Any], str]:
        """The parts of the spec that name services, and the resource version. Raises `Problem`."""
        found = self.asked("GET").json()
        if (found["metadata"].get("annotations") or {}).get(CANARY) == "true":
            raise Problem(
                f"{self.where} is a canary, and not the ingress that people come through.",
                means="Nothing was changed.",
                next="Name the main ingress in pool:; a canary's weight is set by lb.shift.",
            )
        spec = {name: found["spec"][name] for name in ROUTES if name in found["spec"]}
        return spec, str(found["metadata"]["resourceVersion"])

    def switched(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The same routes with the new service wherever the old one stood. Raises `Problem` for none."""
        changed = deepcopy(dict(spec))
        old, _, port = self.system["old"].partition(":")
        mine = [
            one
            for one in backends(changed)
            if one["name"] == old and port in ("", *map(str, _port(one).values()))
        ]
        if not mine:
            raise no_member(self.system, services(spec))
        for one in mine:
            _lead(one, self.system["new"])
        return changed

    def put(self, spec: Mapping[str, Any], version: str) -> None:
        """Writes these routes; refused by the API server when the resource version has moved on."""
        gone: dict[str, Any] = {name: None for name in ROUTES if name not in spec}
        self.asked("PATCH", {"metadata": {"resourceVersion": version}, "spec": {**gone, **spec}})

    def request(self) -> str:
        """What `put` sends, in words."""
        return f"PATCH {self.path()}, at the resource version just read"


def ingress_of(system: System, systems: Systems) -> Ingress:
    """The ingress behind a system of kind ``proxy``. Raises `Problem` for another driver."""
    if system.driver() != "kubernetes":
        raise Problem(
            f"“{system.name}” is no Kubernetes ingress, but {system.driver()}.",
            means="Nothing was changed.",
            next="Use lb.shift for it, or correct driver:.",
        )
    return Ingress(system, Caller.of(systems))


def backends(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every service that the routes name, to be changed in place."""
    for rule in spec.get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            if "service" in path.get("backend", {}):
                yield path["backend"]["service"]
    if "service" in (spec.get("defaultBackend") or {}):
        yield spec["defaultBackend"]["service"]


def services(spec: Mapping[str, Any]) -> list[str]:
    """“name:port” of each, once."""
    found = (f"{one['name']}:{''.join(map(str, _port(one).values()))}" for one in backends(spec))
    return sorted({name.rstrip(":") for name in found})


def _port(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return service.get("port") or {}


def _lead(service: dict[str, Any], new: str) -> None:
    name, _, port = new.partition(":")
    service["name"] = name
    if port:
        service["port"] = {"number": int(port)} if port.isdecimal() else {"name": port}
