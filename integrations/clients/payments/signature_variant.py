"""Another way in which a provider may sign an event, and what an API has to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SignatureVariant:
    """Headers that sign an event; ``accepted``: whether an API must take it; ``why``: a sentence."""

    name: str
    headers: Mapping[str, str]
    why: str
    accepted: bool = True
