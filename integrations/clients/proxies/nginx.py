"""nginx by a file with one upstream: written whole, tested, then reloaded without dropping connections.

Its stub_status counts all requests together, so they are counted in an access log with ``$upstream_addr``
(nginx.org/en/docs/http/ngx_http_log_module.html, ngx_http_upstream_module.html).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integrations import atomic_files, programs
from integrations.clients.http import HttpClient
from integrations.clients.proxies import nginx_people
from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.passed_requests import AccessLog, PassedRequests, not_counted
from integrations.clients.proxies.proxy import Proxy, Weights, changed_meanwhile, missing_member
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.runbook_commands import format_command, read_command
from integrations.systems import System

SERVER = re.compile(
    r"^[ \t]*+server\s++(?P<address>\S+?)(?:\s+weight=(?P<weight>\d{1,9}))?(?P<down>\s+down)?\s*;", re.M
)
TIMEOUT = 30.0  # seconds for a test or a reload
DEFAULTS = {"test": ["nginx", "-t"], "reload": ["nginx", "-s", "reload"]}


@driver(
    "proxy",
    "nginx",
    summary="a file with one `upstream` block, tested and reloaded; `pool` is its name, `old` and `new` are "
    "addresses",
    settings={
        "file": "",
        "variable": "for named people: its name without `$`, where `proxy_pass http://$variable;` stands in "
        "place of `http://pool;`",
        "test": "`nginx -t`",
        "reload": "`nginx -s reload`",
        "log": "path of an access log with `log_format … escape=json "
        '\'{"ts":$msec,"upstream":"$upstream_addr"}\'`',
    },
    public=("file", "variable", "log"),
    commands=("test", "reload"),
)
class Nginx(Proxy):
    """An upstream of nginx."""

    def __init__(self, system: System, http_client: HttpClient) -> None:
        super().__init__(system, http_client)
        self.log = AccessLog(Path(system["log"])) if system.get("log") else None

    def read(self) -> tuple[Weights, Any]:
        """The weights in the file, and its text as the version."""
        text = self._text()
        block = re.search(rf"upstream\s+{re.escape(self.system['pool'])}\s*\{{([^}}]*)\}}", text)
        servers = SERVER.finditer(block[1] if block else "")
        parts = {m["address"]: 0 if m["down"] else int(m["weight"] or 1) for m in servers}
        if set(parts) != {self.system["old"], self.system["new"]}:
            raise missing_member(self.system, sorted(parts))
        return Weights.of_parts(parts[self.system["old"]], parts[self.system["new"]]), text

    def set(self, weights: Weights, version: Any) -> None:
        """Writes the file, tests it and reloads nginx."""
        self._replace(str(version), self.text(weights, self._people_in(str(version))))

    def _replace(self, before: str, after: str) -> None:
        """When the test fails, the old text is put back: nginx has loaded nothing by then."""
        path = Path(self.system["file"])
        if self._text() != before:
            raise changed_meanwhile(self.where)
        for setting in DEFAULTS:
            self._command(setting)  # one that is not allowed is refused before the file is written
        try:
            atomic_files.write_file(path, after.encode())
            self._test_and_reload()
        except Problem:
            # Left as it is, the file would say what nginx does not do, and another start would see no work.
            atomic_files.write_file(path, before.encode())
            raise

    def _test_and_reload(self) -> None:
        """Raises `Problem` when one of both fails, does not end, or is not there."""
        try:
            refused = self._run("test")
        except Problem as problem:
            means = "The file is as it was, and nothing was loaded."
            raise Problem(problem.what, means=means, next=problem.next) from None
        if refused:
            raise Problem(
                f"nginx does not accept the new file: {refused}",
                means="The file is as it was, and nothing was loaded.",
                next="Run its test by hand; something else in its configuration may be broken.",
            )
        try:
            refused = self._run("reload")
        except Problem as problem:
            raise Problem(
                f"Whether nginx was reloaded is not known: {problem.what}",
                means="The file is as it was. Which weights nginx uses, only its requests tell.",
                next="Reload it by hand, which makes it use the file; then start this again.",
            ) from None
        if refused:
            raise Problem(
                f"nginx was not reloaded: {refused}",
                means="The file is as it was, and so is what nginx uses.",
                next="Check reload: of the system and that the worker may run it, then start this again.",
            )

    def text(self, weights: Weights, people: NamedPeople) -> str:
        """The whole file: the upstream block, and who does not go by its weights."""
        lines = [
            self._line(self.system["old"], weights.old),
            self._line(self.system["new"], weights.new),
        ]
        pool, variable = self.system["pool"], self.system.get("variable")
        beside = nginx_people.write_people(pool, self.system["new"], variable, people) if variable else ""
        return f"upstream {pool} {{\n{''.join(lines)}}}\n{beside}"

    def explain_unsupported(self, people: NamedPeople) -> str:
        """nginx knows all three ways, where its ``proxy_pass`` asks a variable."""
        if not people or self.system.get("variable"):
            return ""
        return f"“{self.system.name}” has no variable: by which nginx sends named people to the new stack."

    def read_people(self) -> NamedPeople:
        """Those in the file."""
        return self._people_in(self._text())

    def set_people(self, people: NamedPeople, before: NamedPeople) -> None:
        """Writes the file, tests it and reloads nginx."""
        weights, text = self.read()
        if self._people_in(text) != before:
            raise changed_meanwhile(self.where)
        self._replace(text, self.text(weights, people))

    def people_commands(self, people: NamedPeople) -> list[str]:
        """The text of the file and both commands."""
        return self._describe(self.text(self.read()[0], people))

    def _people_in(self, text: str) -> NamedPeople:
        try:
            return nginx_people.parse_people(text)
        except ValueError as error:
            raise Problem(
                f"{self.system['file']} is not as the panel writes it: {error}",
                means="Who reaches the new stack is not known. Nothing was changed.",
                next="Find out who changed it, and remove its maps of headers, cookies and addresses.",
            ) from None

    def read_requests(self) -> PassedRequests:
        """From its access log."""
        if self.log is None:
            raise not_counted(f"{self.where} has no log: in the runbook")
        return self.log.read(self.system["old"], self.system["new"])

    def commands(self, weights: Weights) -> list[str]:
        """The text of the file and both commands."""
        return self._describe(self.text(weights, self.read_people()))

    def _describe(self, text: str) -> list[str]:
        line = " ".join(text.split())
        return [
            f"write {self.system['file']}: {line}",
            *(format_command(self._command(setting)) for setting in DEFAULTS),
        ]

    def _line(self, address: str, weight: int) -> str:
        return f"    server {address} {'down' if weight == 0 else f'weight={weight}'};\n"

    def _text(self) -> str:
        try:
            return Path(self.system["file"]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or "it is no UTF-8"
            raise Problem(
                f"The upstream file {self.system['file']} cannot be read: {why}.",
                next="Correct file: of the system; the worker has to be able to read and write it.",
            ) from None

    def _command(self, setting: str) -> Sequence[str]:
        """The command of the runbook, which the installation has to allow, or the panel's own."""
        return read_command(self.system, setting) if self.system.get(setting) else DEFAULTS[setting]

    def _run(self, setting: str) -> str:
        """What a command printed when it failed; empty when it succeeded."""
        done = programs.run(self._command(setting), capture=True, timeout=TIMEOUT)
        lines = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        return "" if done.ok else " ".join(lines[:2]) or f"code {done.code}"
