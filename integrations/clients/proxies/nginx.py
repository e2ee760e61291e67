"""nginx by a file of its own for one upstream: written whole, tested, then loaded without a drop."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from integrations import programs
from integrations.clients import durable
from integrations.clients.proxies.driver import Proxy, Weights, changed_meanwhile, no_member
from integrations.errors import Problem

SERVER = re.compile(
    r"^\s*server\s+(?P<address>\S+?)(?:\s+weight=(?P<weight>\d+))?(?P<down>\s+down)?\s*;", re.M
)
TIMEOUT = 30.0  # seconds for a test or a reload


class Nginx(Proxy):
    """``file``: one ``upstream`` block that nginx includes; ``pool``: its name; ``old``, ``new``: addresses;
    ``test``, ``reload``: commands (default ``nginx -t`` and ``nginx -s reload``)."""

    def read(self) -> tuple[Weights, Any]:
        """The file's weights, and its text."""
        text = self._text()
        parts = {m["address"]: 0 if m["down"] else int(m["weight"] or 1) for m in SERVER.finditer(text)}
        if set(parts) != {self.system["old"], self.system["new"]}:
            raise no_member(self.system, sorted(parts))
        return Weights.of_parts(parts[self.system["old"]], parts[self.system["new"]]), text

    def set(self, weights: Weights, mark: Any) -> None:
        """When nginx does not like it, the old text comes back before anything was loaded."""
        path = Path(self.system["file"])
        if self._text() != mark:
            raise changed_meanwhile(self.where)
        durable.write(path, self.text(weights).encode())
        refused = self._run("test", "nginx -t")
        if refused:
            durable.write(path, str(mark).encode())
            raise Problem(
                f"nginx does not accept the new weights: {refused}",
                means="The file is as it was, and nothing was loaded.",
                next="Run its test by hand; something else in its configuration may be broken.",
            )
        refused = self._run("reload", "nginx -s reload")
        if refused:
            raise Problem(
                f"nginx was not reloaded: {refused}",
                means="The file has the new weights; nginx still uses the old ones until it is reloaded.",
                next="Reload it by hand, or start this again.",
            )

    def text(self, weights: Weights) -> str:
        """The whole upstream block."""
        lines = [
            self._line(self.system["old"], weights.old),
            self._line(self.system["new"], weights.new),
        ]
        return f"upstream {self.system['pool']} {{\n{''.join(lines)}}}\n"

    def commands(self, weights: Weights) -> list[str]:
        """The file's text and both commands."""
        text = self.text(weights).replace("\n", " ")
        return [
            f"write {self.system['file']}: {text}",
            self._command("test", "nginx -t"),
            self._command("reload", "nginx -s reload"),
        ]

    def _line(self, address: str, weight: int) -> str:
        return f"    server {address} {'down' if weight == 0 else f'weight={weight}'};\n"

    def _text(self) -> str:
        try:
            return Path(self.system["file"]).read_text()
        except OSError as error:
            raise Problem(
                f"The upstream file {self.system['file']} cannot be read: {error.strerror}.",
                next="Correct file: of the system; the worker has to be able to read and write it.",
            ) from None

    def _command(self, setting: str, default: str) -> str:
        return self.system.get(setting) or default

    def _run(self, setting: str, default: str) -> str:
        """What it said when it failed; empty when it went well."""
        done = programs.run(shlex.split(self._command(setting, default)), capture=True, timeout=TIMEOUT)
        said = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        return "" if done.ok else " ".join(said[:2]) or f"code {done.code}"
