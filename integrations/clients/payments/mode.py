"""Test or live: told by a key's prefix, or by what the provider says of itself; the wrong one is refused."""

from __future__ import annotations

from enum import StrEnum

from integrations.errors import Problem


class Mode(StrEnum):
    """Which money a key moves."""

    TEST = "test"
    LIVE = "live"
    UNKNOWN = "unknown"  # its prefix does not tell; only the provider can


PREFIXES = {
    "stripe": {"sk_test_": Mode.TEST, "rk_test_": Mode.TEST, "sk_live_": Mode.LIVE, "rk_live_": Mode.LIVE},
    "paystack": {"sk_test_": Mode.TEST, "sk_live_": Mode.LIVE},
    "fincra": {},
    "flutterwave": {"FLWSECK_TEST-": Mode.TEST, "FLWSECK-": Mode.LIVE},
}


def mode_of_key(provider: str, key: str) -> Mode:
    """What the prefix says; a blank before it, which a header would lose, hides nothing."""
    found = (mode for prefix, mode in PREFIXES[provider].items() if key.strip().startswith(prefix))
    return next(found, Mode.UNKNOWN)


def refuse_wrong_mode(rehearsal: bool, mode: Mode, system: str, *, asked: bool = False) -> None:
    """Raises `Problem` for a live key in a rehearsal, and for a test key in production.

    ``asked`` when the provider said so of itself: then the key was shown to it, by a harmless read.
    """
    if rehearsal and mode == Mode.LIVE:
        done = "It was only read with it." if asked else "Nothing was sent with it."
        raise Problem(
            f"“{system}” has a live key, and this is a rehearsal.",
            means=f"A rehearsal must not be able to move real money. {done}",
            next="Give the rehearsal the provider's test key.",
        )
    if not rehearsal and mode == Mode.TEST:
        raise Problem(
            f"“{system}” has a test key, and this is production.",
            means="Every gift would look paid, and no money would come.",
            next="Give production the provider's live key.",
        )
