"""Caddy by its admin API: the weights of a ``reverse_proxy`` handler that has an ``@id``."""

from __future__ import annotations

from typing import Any

from integrations.clients.proxies.driver import Proxy, Weights, changed_meanwhile, no_member
from integrations.errors import Problem


class Caddy(Proxy):
    """``url``: the admin address; ``pool``: the handler's ``@id``; ``old``, ``new``: what it dials."""

    def read(self) -> tuple[Weights, Any]:
        """The handler's weights, and the ETag of its selection policy."""
        handler = self._get("").json()
        dials = [upstream.get("dial", "") for upstream in handler.get("upstreams", [])]
        if sorted(dials) != sorted((self.system["old"], self.system["new"])):
            raise no_member(self.system, dials)
        reply = self._get("/load_balancing/selection_policy")
        policy = reply.json() or {}
        if policy.get("policy") != "weighted_round_robin":
            raise Problem(
                f"{self.where} shares by “{policy.get('policy', 'random')}”, which knows no weights.",
                next="Give the handler the selection policy weighted_round_robin with weights [100, 0].",
            )
        share = dict(zip(dials, policy["weights"], strict=True))
        weights = Weights.of_parts(share[self.system["old"]], share[self.system["new"]])
        return weights, (dials, reply.headers.get("etag", ""))

    def set(self, weights: Weights, mark: Any) -> None:
        """Open connections stay: Caddy loads the new configuration beside the old one."""
        dials, etag = mark
        parts = {self.system["old"]: weights.old, self.system["new"]: weights.new}
        policy = {"policy": "weighted_round_robin", "weights": [parts[dial] for dial in dials]}
        reply = self.caller.ask(
            self.system["url"], self._path("/load_balancing/selection_policy"), method="PATCH", send=policy,
            headers={"If-Match": etag},
        )  # fmt: skip
        if reply.status == 412:
            raise changed_meanwhile(self.where)
        if not reply.ok:
            raise self._refused(reply.says())

    def commands(self, weights: Weights) -> list[str]:
        """The one request."""
        parts = f"weights [{weights.old}, {weights.new}] (old, new), If-Match: its ETag"
        return [f"PATCH {self._path('/load_balancing/selection_policy')}: weighted_round_robin, {parts}"]

    def _path(self, below: str) -> str:
        return f"/id/{self.system['pool']}{below}"

    def _get(self, below: str) -> Any:
        reply = self.caller.ask(self.system["url"], self._path(below))
        if not reply.ok:
            raise self._refused(reply.says())
        return reply

    def _refused(self, said: str) -> Problem:
        return Problem(
            f"Caddy's admin API refused: {said}.",
            means="Nothing was changed.",
            next=f'Check that a handler of its configuration has "@id": "{self.system["pool"]}".',
        )
