"""Caddy by its admin API: the weights of a ``reverse_proxy`` handler that has an ``@id``.

Named people are led by a handler of their own, which the panel puts in front of that one.

Its metrics do not tell upstreams apart, so requests are counted in its access log, to which the handler
``log_append`` adds the upstream.

Source: caddyserver.com/docs/api, caddyserver.com/docs/modules/http.reverse_proxy,
caddyserver.com/docs/caddyfile/directives/log_append, caddyserver.com/docs/metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from integrations.clients.http import HttpClient, explain_effect
from integrations.clients.proxies import caddy_people
from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.passed_requests import AccessLog, PassedRequests, not_counted
from integrations.clients.proxies.proxy import Proxy, Weights, changed_meanwhile, missing_member
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer, reading_answer
from integrations.systems import System


@driver(
    "proxy",
    "caddy",
    summary="its admin API; `pool` is the `@id` of the handler, `old` and `new` its dials",
    settings={
        "url": "of the admin API",
        "log": "path of its access log, whose lines get the upstream by "
        "`log_append upstream {http.reverse_proxy.upstream.hostport}`",
    },
    public=("log",),
    addresses=("url",),
)
class Caddy(Proxy):
    """A handler of Caddy with the selection policy ``weighted_round_robin``."""

    def __init__(self, system: System, http_client: HttpClient) -> None:
        super().__init__(system, http_client)
        self.log = AccessLog(Path(system["log"])) if system.get("log") else None

    def read(self) -> tuple[Weights, Any]:
        """The handler's weights, and the ETag of its selection policy."""
        with self._reading():
            dials = _read_dials(JsonAnswer(self._get("").json()))
        if sorted(dials) != sorted((self.system["old"], self.system["new"])):
            raise missing_member(self.system, dials)
        reply = self._get("/load_balancing/selection_policy")
        with self._reading():
            policy = JsonAnswer(reply.json() or {})
            name = named.text() if (named := policy.find("policy")) else "random"
            if name != "weighted_round_robin":
                raise Problem(
                    f"{self.where} shares by “{name}”, which knows no weights.",
                    next="Give the handler the selection policy weighted_round_robin with weights [100, 0].",
                )
            parts = [one.whole(0) for one in policy.at("weights").items()]
            share = dict(zip(dials, parts, strict=True))
            weights = Weights.of_parts(share[self.system["old"]], share[self.system["new"]])
        return weights, (dials, reply.headers.get("etag", ""))

    def set(self, weights: Weights, version: Any) -> None:
        """Replaces the selection policy. Caddy loads the new configuration beside the old one, so open
        connections stay; the ETag makes it refuse when somebody else changed the policy."""
        dials, etag = version
        old, new = weights.smallest_parts()
        parts = {self.system["old"]: old, self.system["new"]: new}
        policy = {"policy": "weighted_round_robin", "weights": [parts[dial] for dial in dials]}
        reply = self.http_client.request(
            self.system["url"],
            self._path("/load_balancing/selection_policy"),
            method="PATCH",
            send=policy,
            headers={"If-Match": etag},
        )
        if reply.status == 412:
            raise changed_meanwhile(self.where)
        if not reply.ok:
            raise self._refused(reply.error_text(), explain_effect(reply.status))

    def commands(self, weights: Weights) -> list[str]:
        """The single request that `set` sends."""
        old, new = weights.smallest_parts()
        parts = f"weights [{old}, {new}] (old, new), If-Match: its ETag"
        return [f"PATCH {self._path('/load_balancing/selection_policy')}: weighted_round_robin, {parts}"]

    def explain_unsupported(self, people: NamedPeople) -> str:
        """Caddy knows all three ways."""
        return ""

    def read_people(self) -> NamedPeople:
        """From the handler in front; nobody without one."""
        _, handlers, _ = self._handlers()
        return caddy_people.people_in_handlers(handlers, self._people_id)

    def set_people(self, people: NamedPeople, before: NamedPeople) -> None:
        """Replaces the list of handlers of the route; the ETag makes Caddy refuse when somebody else did."""
        path, handlers, etag = self._handlers()
        if caddy_people.people_in_handlers(handlers, self._people_id) != before:
            raise changed_meanwhile(self.where)
        changed = caddy_people.lead_people(
            handlers, self.system["pool"], self._people_id, self.system["new"], people
        )
        reply = self.http_client.request(
            self.system["url"], path, method="PATCH", send=changed, headers={"If-Match": etag}
        )
        if reply.status == 412:
            raise changed_meanwhile(self.where)
        if not reply.ok:
            raise self._refused(reply.error_text(), explain_effect(reply.status))

    def people_commands(self, people: NamedPeople) -> list[str]:
        """The single request that `set_people` sends."""
        path, _, _ = self._handlers()
        what = f"{people} to {self.system['new']} before it" if people else "nothing before it any more"
        return [f"PATCH {path}: beside “{self.system['pool']}”, {what}; If-Match: its ETag"]

    @property
    def _people_id(self) -> str:
        return f"{self.system['pool']}-people"

    def _handlers(self) -> tuple[str, list[Mapping[str, Any]], str]:
        """The list with our handler: its path in the configuration, its value and its ETag."""
        reply = self.http_client.request(self.system["url"], "/config/")
        with self._reading():
            found = caddy_people.find_handlers(reply.json(), self.system["pool"]) if reply.ok else None
        if found is None:
            raise self._refused(f"no list of handlers has “{self.system['pool']}”")
        path = f"/config/{'/'.join(map(str, found))}"
        listed = self.http_client.request(self.system["url"], path)
        if not listed.ok:
            raise self._refused(listed.error_text())
        with self._reading():
            handlers = [one.object() for one in JsonAnswer(listed.json(), path).items()]
        if not any(one.get("@id") == self.system["pool"] for one in handlers):
            raise self._refused(f"{path} no longer has “{self.system['pool']}”")
        return path, handlers, listed.headers.get("etag", "")

    def _reading(self) -> AbstractContextManager[None]:
        return reading_answer(self.where, means="Nothing was changed.")

    def read_requests(self) -> PassedRequests:
        """From its access log."""
        if self.log is None:
            raise not_counted(f"{self.where} has no log: in the runbook")
        return self.log.read(self.system["old"], self.system["new"])

    def _path(self, below: str) -> str:
        return f"/id/{self.system['pool']}{below}"

    def _get(self, below: str) -> Any:
        reply = self.http_client.request(self.system["url"], self._path(below))
        if not reply.ok:
            raise self._refused(reply.error_text())
        return reply

    def _refused(self, reason: str, means: str = "Nothing was changed.") -> Problem:
        return Problem(
            f"Caddy's admin API refused: {reason}.",
            means=means,
            next=f'Check that a handler of its configuration has "@id": "{self.system["pool"]}".',
        )


def _read_dials(handler: JsonAnswer) -> list[str]:
    """The upstreams of a handler. Raises ValueError for another shape."""
    upstreams = handler.find("upstreams")
    return [one.at("dial").text() for one in upstreams.items()] if upstreams else []
