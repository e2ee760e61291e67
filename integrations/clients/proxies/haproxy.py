"""HAProxy by its runtime socket: weights of two servers of a backend, changed without a reload."""

from __future__ import annotations

import socket
from typing import Any

from integrations.clients.proxies.driver import Proxy, Weights, changed_meanwhile, no_member
from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0  # seconds


class Haproxy(Proxy):
    """``socket``: path of a stats socket of level admin, or host:port; ``pool``: the backend; ``old``,
    ``new``: names of its servers. What is set so lasts until HAProxy restarts: put it into its file, too."""

    def read(self) -> tuple[Weights, Any]:
        """Effective weights; a server in drain or maintenance gets nothing, whatever its weight is."""
        parts = self._parts()
        return Weights.of_parts(parts[self.system["old"]], parts[self.system["new"]]), parts

    def _parts(self) -> dict[str, int]:
        rows = [line.split(",") for line in self._ask("show stat").splitlines() if line]
        head = [name.lstrip("# ") for name in rows[0]] if rows else []
        servers = [dict(zip(head, row, strict=False)) for row in rows[1:]]
        mine = {r["svname"]: r for r in servers if r.get("pxname") == self.system["pool"]}
        known = {n: r for n, r in mine.items() if n not in ("FRONTEND", "BACKEND")}
        if not {self.system["old"], self.system["new"]} <= known.keys():
            raise no_member(self.system, sorted(known))
        out = ("DRAIN", "MAINT", "DOWN")
        return {
            name: 0 if row["status"].startswith(out) else int(row["weight"] or 0)
            for name, row in known.items()
        }

    def set(self, weights: Weights, mark: Any) -> None:
        """New one first, so that at no moment nobody gets anything."""
        if self._parts() != mark:
            raise changed_meanwhile(self.where)
        order = sorted(self._pairs(weights), key=lambda pair: -pair[1])
        for name, weight in order:
            for command in (f"set server {self._name(name)} state ready", self._weight(name, weight)):
                said = self._ask(command).strip()
                if said:
                    raise Problem(
                        f"HAProxy refused “{command}”: {said}.", next="Is its socket of level admin?"
                    )

    def commands(self, weights: Weights) -> list[str]:
        """The lines for the socket."""
        return [self._weight(name, weight) for name, weight in self._pairs(weights)]

    def _pairs(self, weights: Weights) -> list[tuple[str, int]]:
        return [(self.system["old"], weights.old), (self.system["new"], weights.new)]

    def _name(self, server: str) -> str:
        return f"{self.system['pool']}/{server}"

    def _weight(self, server: str, weight: int) -> str:
        return f"set weight {self._name(server)} {weight}"

    def _ask(self, command: str) -> str:
        path = self.system["socket"]
        host, _, port = path.rpartition(":")
        try:
            if path.startswith("/"):
                talk = socket.socket(socket.AF_UNIX)
                talk.settimeout(TIMEOUT)
                talk.connect(path)
            else:
                talk = socket.create_connection((host, int(port)), TIMEOUT)
            with talk, talk.makefile("rw") as stream:
                stream.write(f"{command}\n")
                stream.flush()
                return stream.read(1_000_000)
        except (OSError, ValueError) as error:
            raise Unreachable(
                f"HAProxy's socket {path} does not answer: {type(error).__name__}.",
                means="Nothing was changed.",
                next="Check `stats socket … level admin` in its file, and that the worker may open it.",
            ) from None
