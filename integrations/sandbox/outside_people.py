"""Chooses the people of the sandbox that an environment belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from integrations.sandbox.people import People
from integrations.sandbox.shop.people import ShopPeople


def find_sandbox_people(environ: Mapping[str, str]) -> People | None:
    """The people of the sandbox that this environment belongs to; None where it is none."""
    if shop := environ.get("SHOP_SANDBOX", ""):
        return ShopPeople(Path(shop))
    folder = environ.get("SANDBOX_FOLDER", "")
    return People(Path(folder)) if folder else None
