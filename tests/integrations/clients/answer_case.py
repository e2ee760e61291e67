"""A question that a client asks over HTTP, with a good answer, and what in it must not be misread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import Problem
from integrations.systems import Systems

URL = "https://provider.invalid"


@dataclass(frozen=True)
class AnswerCase:
    """``ask`` calls a client of the system ``s``; ``answers``: a part of the path → its good answer.

    ``covers``: the kind and driver of the system. ``matters``: places of which an altered value must not
    give the good result; ``refusals``: what the client documents to raise.
    """

    covers: str
    name: str
    settings: Mapping[str, Any]
    ask: Callable[[Systems], Any]
    answers: Mapping[str, Any]
    matters: tuple[str, ...] = ()
    refusals: tuple[type[Exception], ...] = (Problem,)
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    def __str__(self) -> str:
        return f"{self.covers}: {self.name}"

    def systems(self) -> Systems:
        kind = self.covers.partition("/")[0]
        setting = {"payments": "provider", "oauth": "provider"}.get(kind, "driver")
        driver = {setting: self.covers.partition("/")[2]} if "/" in self.covers else {}
        return Systems({"s": {"kind": kind, "url": URL, **driver, **self.settings}}, {})
