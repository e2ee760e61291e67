"""What the panel needs of every DNS service: read one record set and replace it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import ClassVar

from integrations.clients import load_drivers
from integrations.clients.dns import names
from integrations.clients.dns.lookup import authoritative_servers, name_is_alias, query_types
from integrations.clients.dns.records import RecordSet
from integrations.clients.http import HttpClient, explain_effect
from integrations.errors import Problem
from integrations.json_answer import reading_answer
from integrations.systems import System, Systems

BESIDE_ALIAS = frozenset({"CNAME", "RRSIG", "NSEC", "KEY"})  # types that a name with a CNAME may have


class Zone(ABC):
    """One zone at the service where its owner changes it; the drivers are its subclasses."""

    smallest_ttl: ClassVar[int] = 1  # seconds that the service takes
    #: whether the zone's own name may be a CNAME, which the service then answers as addresses
    flattens_apex: ClassVar[bool] = False

    def __init__(self, system: System, http_client: HttpClient) -> None:
        self.system, self.http_client = system, http_client

    @property
    def name(self) -> str:
        """The zone's name in small letters and A-labels, without the final dot."""
        return self._normal(lambda: names.normal_name(self.system["zone"]))

    @property
    def where(self) -> str:
        """``driver:zone``, without secrets: for people, and as the name of the resource."""
        return f"{self.system.driver()}:{self.name}"

    def full_name(self, name: str) -> str:
        """The full name of a record of the zone: “www”, “@” and “www.example.org” are all understood.

        Raises `Problem` for what is no name, and for a name with a final dot that is not in the zone.
        """
        return self._normal(lambda: names.full_name(name, self.system["zone"]))

    def _normal(self, read: Callable[[], str]) -> str:
        try:
            return read()
        except ValueError as error:
            raise Problem(
                str(error),
                means="Nothing was changed.",
                next=f"Correct name: of the item, or zone: of the system “{self.system.name}”.",
            ) from None

    def servers(self) -> list[str]:
        """Every authoritative server, as ``address:port``. Raises `Problem` when none can be found."""
        return authoritative_servers(self.system)

    @abstractmethod
    def read(self, name: str, kind: str) -> RecordSet:
        """The record set as the service has it now; empty where there is none.

        Raises `Problem`, also for another type at a name that is an alias.
        """

    def read_types(self, name: str) -> set[str]:
        """The types of record at a full name, as far as they matter beside a CNAME. Raises `Problem`.

        By the answers of a name server, where a driver does not know better.
        """
        return query_types(self.servers()[0], name)

    def explain_ttl(self, name: str, kind: str) -> str:
        """What the service means by the TTL of a record set, where that is not seconds; "" otherwise."""
        return ""

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """Writes ``after`` in place of ``before``.

        Raises `Problem` when the service has something else than ``before``, or another type of record
        stands in the way; nothing is written then.
        """
        now = self.read(before.name, before.kind)
        if now != before:
            raise changed_meanwhile(self.where, before, now)
        self.refuse_conflict(before, after)
        self.write(before, after)

    @abstractmethod
    def write(self, before: RecordSet, after: RecordSet) -> None:
        """Sends the change that `replace` has checked. Raises `Problem`."""

    def refuse_conflict(self, before: RecordSet, after: RecordSet) -> None:
        """Raises `Problem` for a new CNAME beside other records; servers may drop it without a word
        (RFC 2136, 3.4.2.2). An address beside a CNAME is refused by `read`."""
        if before.values or not after.values or after.kind != "CNAME":
            return
        others = self.read_types(after.name) - BESIDE_ALIAS
        if others:
            raise Problem(
                f"{after.name} has {', '.join(sorted(others))} records, so it cannot be a CNAME, too.",
                means="A name with a CNAME has no other record (RFC 1034, 3.6.2). Nothing was changed.",
                next="Switch the type that is there (type: of the item), or delete those records first.",
            )

    def explain_refusal(self, before: RecordSet, why: str, remedy: str) -> Problem:
        """The error for a change that the service refused: somebody else is named only when the record is
        another one now."""
        now = self.read(before.name, before.kind)
        if now != before:
            return changed_meanwhile(self.where, before, now)
        return change_refused(self.where, why, remedy)

    @abstractmethod
    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """What `replace` sends, as text for a preview."""


def get_zone(system: System, systems: Systems) -> Zone:
    """The zone of a system of kind ``dns``. Raises `Problem` for an unknown driver."""
    load_drivers()
    zone_class = system.registered_driver().implementation_of(Zone)
    return zone_class(system, HttpClient.of(systems))


def refuse_alias(name: str, kind: str, target: str, types: Collection[str]) -> None:
    """Raises `Problem` where a name is a CNAME and another type is asked for."""
    if kind != "CNAME" and "CNAME" in types:
        raise name_is_alias(name, target, kind)


def changed_meanwhile(where: str, before: RecordSet, now: RecordSet) -> Problem:
    """The error for a record set that is another one than we read before our write."""
    return Problem(
        f"{where} no longer says “{before}”.",
        means=f"It says “{now}” now: somebody else changed it; nothing was written.",
        next="Find out who it was, look at the record, then start this again.",
    )


def change_refused(where: str, why: str, remedy: str, *, status: int = 400) -> Problem:
    """The error for a change that the service did not accept; ``status``: of its answer over HTTP."""
    return Problem(f"{where} refused: {why}", means=explain_effect(status), next=remedy)


def reading_record(where: str) -> AbstractContextManager[None]:
    """Turns an answer of another form than documented into a `Problem`."""
    return reading_answer(where, means="The record is not known.")
