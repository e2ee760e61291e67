"""What one question of the preflight found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The colour of a result. At a gate ``UNKNOWN`` counts as ``RED``: the largest uncertainty decides."""

    RED = "red"  # the cutover would fail, or lose something
    AMBER = "amber"  # a person has to know it before the window, and may go on
    GREEN = "green"
    UNKNOWN = "unknown"  # it could not be asked, or not completely


@dataclass(frozen=True)
class CheckResult:
    """One result.

    ``subject`` names the thing that the verdict is about, so exactly that it is the same thing in the next
    run (``new-db: table public.orders, login migrator``); numbers and times that change by themselves belong
    into ``seen``. ``asked``, ``seen`` and ``change`` are sentences for people, without secrets; ``change``
    says what to do and is needed unless the verdict is green. ``systems`` are the names of the systems that
    it concerns: items that use one of them are affected. ``items`` are keys of items affected besides.
    """

    subject: str
    verdict: Verdict
    asked: str
    seen: str
    change: str = ""
    systems: tuple[str, ...] = ()
    items: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict != Verdict.GREEN and not self.change:
            raise ValueError(f"a result that is not green has to say what to change: {self.subject}")

    def identity_in(self, check: str) -> str:
        """The identity of this result of a check, the same in every run: pages tell what is new by it."""
        return hashlib.sha256(f"{check}|{self.subject}".encode()).hexdigest()[:16]

    def as_facts(self, check: str) -> Mapping[str, Any]:
        """JSON values, as evidence and rows hold them."""
        return {
            "identity": self.identity_in(check),
            "check": check,
            "subject": self.subject,
            "verdict": str(self.verdict),
            "asked": self.asked,
            "seen": self.seen,
            "change": self.change,
            "systems": list(self.systems),
            "items": list(self.items),
        }
