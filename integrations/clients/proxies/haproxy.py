"""HAProxy by its runtime socket: the weights of two servers of a backend, changed without a reload.

Named people are values of ACLs in files, to which its configuration refers (docs.haproxy.org, management
guide, 9.3: ``show acl``, ``add acl``, ``del acl``; configuration manual: ``use-server``).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from integrations.clients.pinned import ConnectionDeadline
from integrations.clients.proxies.named_people import NamedPeople
from integrations.clients.proxies.passed_requests import MemberRequests, PassedRequests, not_counted
from integrations.clients.proxies.proxy import Proxy, Weights, changed_meanwhile, missing_member
from integrations.drivers import driver
from integrations.errors import Problem, Unreachable
from integrations.json_answer import JsonAnswer, reading_answer

TIMEOUT = 10.0  # seconds for a whole answer
UNCERTAIN = "The socket closed before it answered: whether it took the change is not known."
LONGEST = 1_000_000  # characters of one


@driver(
    "proxy",
    "haproxy",
    summary="its runtime socket; `pool` is the backend, `old` and `new` its servers",
    settings={
        "socket": "a stats socket of level admin: a path, or `host:port`",
        "people": "the files of the ACLs by which named people are known, with spaces between: "
        "`header:x-pilot=FILE cookie:pilot=FILE addresses=FILE`",
    },
    public=("socket", "people"),
)
class Haproxy(Proxy):
    """A backend of HAProxy. Weights set here last until HAProxy restarts: put them into its file, too."""

    def read(self) -> tuple[Weights, Any]:
        """The effective weights: a server in drain or maintenance counts as 0, whatever its weight is."""
        parts = self._parts()
        return Weights.of_parts(parts[self.system["old"]], parts[self.system["new"]]), parts

    def read_requests(self) -> PassedRequests:
        """From its statistics: total of sessions (one for each request) and seconds since the last."""
        servers, now = self._servers(), datetime.now(UTC)
        info = dict(line.partition(": ")[::2] for line in self._command("show info").splitlines())
        try:
            since = now - timedelta(seconds=int(info["Uptime_sec"]))
            old, new = (_member_requests(servers[self.system[name]], now, since) for name in ("old", "new"))
        except (KeyError, ValueError, OverflowError):
            raise not_counted(f"{self.where} answers “show stat” in an unknown form") from None
        return PassedRequests(old, new)

    def _servers(self) -> dict[str, dict[str, str]]:
        rows = [line.split(",") for line in self._command("show stat").splitlines() if line]
        head = [name.lstrip("# ") for name in rows[0]] if rows else []
        servers = [dict(zip(head, row, strict=False)) for row in rows[1:]]
        mine = {r["svname"]: r for r in servers if r.get("pxname") == self.system["pool"]}
        known = {n: r for n, r in mine.items() if n not in ("FRONTEND", "BACKEND")}
        if not {self.system["old"], self.system["new"]} <= known.keys():
            raise missing_member(self.system, sorted(known))
        return known

    def _rows(self) -> dict[str, JsonAnswer]:
        return {name: JsonAnswer(row, name) for name, row in self._servers().items()}

    def _parts(self) -> dict[str, int]:
        out = ("DRAIN", "MAINT", "DOWN")
        with reading_answer(f"the socket of {self.where}", means="Nothing was changed."):
            return {
                name: 0 if row.at("status").text().startswith(out) else _read_weight(row.at("weight").text())
                for name, row in self._rows().items()
            }

    def set(self, weights: Weights, version: Any) -> None:
        """Sets the larger weight first: in the other order both servers could have weight 0 for a moment."""
        if self._parts() != version:
            raise changed_meanwhile(self.where)
        order = sorted(self._pairs(weights), key=lambda pair: -pair[1])
        for name, weight in order:
            for command in (f"set server {self._name(name)} state ready", self._weight(name, weight)):
                answer = self._command(command).strip()
                if answer:
                    raise Problem(
                        f"HAProxy refused “{command}”: {answer}.", next="Is its socket of level admin?"
                    )

    def commands(self, weights: Weights) -> list[str]:
        """The lines that `set` writes to the socket."""
        return [self._weight(name, weight) for name, weight in self._pairs(weights)]

    def _files(self) -> dict[str, str]:
        """The file of each ACL: ``header:x-pilot``, ``cookie:pilot``, ``addresses``."""
        pairs = (part.rpartition("=")[::2] for part in self.system.get("people").split())
        return {_canonical_way(way): file for way, file in pairs}

    def explain_unsupported(self, people: NamedPeople) -> str:
        """Each way needs an ACL in the configuration, which the runtime socket cannot make."""
        missing = sorted(_values_by_way(people).keys() - self._files().keys())
        if not missing:
            return ""
        return f"people: of “{self.system.name}” names no ACL file for {', '.join(missing)}."

    def read_people(self) -> NamedPeople:
        """The values in the ACLs that the runbook names."""
        found = {way: self._read_acl(file) for way, file in self._files().items()}
        try:
            return _people_of({way: values for way, values in found.items() if values})
        except ValueError as error:
            raise Problem(
                f"The ACLs of {self.where} have values that the panel did not write: {error}",
                means="Who reaches the new stack is not known. Nothing was changed.",
                next="Look at them by `show acl`, and remove what is not meant for the pilot.",
            ) from None

    def set_people(self, people: NamedPeople, before: NamedPeople) -> None:
        """Adds the new values first: people who stay among the named ones never leave the new stack."""
        if self.read_people() != before:
            raise changed_meanwhile(self.where)
        for command in self._acl_commands(people, before):
            answer = self._command(command).strip()
            if answer:
                raise Problem(
                    f"HAProxy refused “{command}”: {answer}.",
                    means="The named people may be changed in part.",
                    next="Is its socket of level admin? Then start this again, or take it back.",
                )

    def people_commands(self, people: NamedPeople) -> list[str]:
        """The lines that `set_people` writes to the socket."""
        return self._acl_commands(people, self.read_people())

    def _acl_commands(self, people: NamedPeople, before: NamedPeople) -> list[str]:
        wanted, now = _values_by_way(people), _values_by_way(before)
        added, removed = [], []
        for way, file in self._files().items():
            then, was = wanted.get(way, set()), now.get(way, set())
            added += [f"add acl {file} {value}" for value in sorted(then - was)]
            removed += [f"del acl {file} {value}" for value in sorted(was - then)]
        return added + removed

    def _read_acl(self, file: str) -> frozenset[str]:
        """Lines are “0x55d1f0 value”; anything else is an error of HAProxy."""
        lines = [line.split(maxsplit=1) for line in self._command(f"show acl {file}").splitlines() if line]
        if any(len(line) != 2 or not line[0].startswith("0x") for line in lines):
            raise Problem(
                f"HAProxy has no ACL with the file {file}.",
                means="Nothing was changed.",
                next="Refer to it in its configuration: `acl pilot hdr(x-pilot) -f FILE`; correct people:.",
            )
        return frozenset(line[1].strip() for line in lines)

    def _pairs(self, weights: Weights) -> list[tuple[str, int]]:
        return [(self.system["old"], weights.old), (self.system["new"], weights.new)]

    def _name(self, server: str) -> str:
        return f"{self.system['pool']}/{server}"

    def _weight(self, server: str, weight: int) -> str:
        return f"set weight {self._name(server)} {weight}"

    def _command(self, command: str) -> str:
        path, deadline = self.system["socket"], ConnectionDeadline(time.monotonic() + TIMEOUT)
        try:
            with _connect(path) as talk, deadline.hold(talk).makefile("rw", encoding="utf-8") as stream:
                stream.write(f"{command}\n")
                stream.flush()
                return _read_whole(stream, deadline)
        except (OSError, ValueError, OverflowError) as error:
            raise Unreachable(
                f"HAProxy's socket {path} does not answer: {type(error).__name__}.",
                means="Nothing was changed." if command.startswith("show ") else UNCERTAIN,
                next="Check `stats socket … level admin` in its file, and that the worker may open it.",
            ) from None
        finally:
            deadline.close()


def _connect(path: str) -> socket.socket:
    """A connection to a path, or to ``host:port``. Raises OSError and ValueError."""
    if not path.startswith("/"):
        host, _, port = path.rpartition(":")
        return socket.create_connection((host, int(port)), TIMEOUT)
    talk = socket.socket(socket.AF_UNIX)
    try:
        talk.settimeout(TIMEOUT)
        talk.connect(path)
    except OSError:
        talk.close()
        raise
    return talk


def _read_whole(stream: IO[str], deadline: ConnectionDeadline) -> str:
    """The answer. Raises OSError for none and for one that was cut, ValueError for one that is too long."""
    answer = stream.read(LONGEST + 1)
    if deadline.is_over:
        raise TimeoutError
    if not answer:  # a command that has nothing to say is answered by an empty line
        raise ConnectionAbortedError
    if len(answer) > LONGEST:
        raise ValueError(f"more than {LONGEST} characters")
    return answer


def _read_weight(text: str) -> int:
    """0 to 256 (docs.haproxy.org, management guide, 9.1). Raises ValueError for another one."""
    return JsonAnswer(text or 0, "weight").whole(0, 256)


def _member_requests(row: dict[str, str], now: datetime, since: datetime) -> MemberRequests:
    """``lastsess`` is -1 before the first session (docs.haproxy.org, management guide, 9.1)."""
    ago = int(row["lastsess"] or -1)
    return MemberRequests(int(row["stot"]), now - timedelta(seconds=ago) if ago >= 0 else None, since)


def _canonical_way(way: str) -> str:
    """Names of headers are the same in small letters."""
    return way.lower() if way.startswith("header:") else way


def _values_by_way(people: NamedPeople) -> dict[str, set[str]]:
    """The values that the ACL of each way has to hold."""
    ways = {f"header:{people.header[0]}": people.header[1], f"cookie:{people.cookie[0]}": people.cookie[1]}
    values = {way: {value} for way, value in ways.items() if value}
    return {**values, "addresses": set(people.addresses)} if people.addresses else values


def _people_of(values: Mapping[str, frozenset[str]]) -> NamedPeople:
    """The people with these values. Raises ValueError for more than one value of a header or a cookie."""
    given: dict[str, Any] = {}
    for way, found in values.items():
        kind, _, name = way.partition(":")
        if kind == "addresses":
            given[kind] = sorted(found)
        elif len(found) > 1 or kind in given:
            raise ValueError(f"more than one {kind} is set.")
        else:
            given[kind] = f"{name}{': ' if kind == 'header' else '='}{next(iter(found))}"
    return NamedPeople.parse(given)
