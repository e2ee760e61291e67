"""Test or live: which money a provider's key moves. The wrong one for a cutover is refused."""

from __future__ import annotations

from enum import StrEnum

from integrations.errors import Problem


class KeyMode(StrEnum):
    """Which money a key moves."""

    TEST = "test"
    LIVE = "live"
    UNKNOWN = "unknown"  # the key's prefix does not tell; only the provider knows


def refuse_wrong_mode(rehearsal: bool, mode: KeyMode, system: str, *, asked: bool = False) -> None:
    """Raises `Problem` for a live key in a rehearsal, and for a test key in production.

    ``asked``: the provider itself told the mode, so the key was sent to it with a read.
    """
    if rehearsal and mode == KeyMode.LIVE:
        done = "It was only read with it." if asked else "Nothing was sent with it."
        raise Problem(
            f"“{system}” has a live key, and this is a rehearsal.",
            means=f"A rehearsal must not be able to move real money. {done}",
            next="Give the rehearsal the provider's test key.",
        )
    if not rehearsal and mode == KeyMode.TEST:
        raise Problem(
            f"“{system}” has a test key, and this is production.",
            means="Every gift would look paid, and no money would come.",
            next="Give production the provider's live key.",
        )
