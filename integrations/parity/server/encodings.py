"""Whether two servers hash the same value to the same number, and what to do where only encodings differ."""

from __future__ import annotations

from collections.abc import Iterable

from integrations.errors import Problem

UNKNOWN = "SQL_ASCII"  # bytes of which nobody says what letters they are


def must_recode(live: Iterable[str], kept: str = "") -> bool:
    """Whether texts have to be hashed as UTF-8 because the sides keep them in different encodings.

    ``live`` and ``kept`` are what `baseline.PROBE` answers: an encoding, then hashes of fixed values; what
    a fingerprint kept cannot be hashed again. Raises `Problem` where no way of hashing is sound.
    """
    live = list(live)
    probes = {*live, kept} - {""}
    encodings = {probe.split()[0] for probe in probes}
    hashes = {probe.split(maxsplit=1)[1] for probe in probes}
    if len(probes) == 1 or (len(hashes) == 1 and not kept and UNKNOWN not in encodings):
        return len(encodings) > 1
    if len(hashes) > 1:
        why = "The kind of processor is not the same, so row hashes say nothing."
    elif UNKNOWN in encodings:
        why = f"In {UNKNOWN} nobody knows which letters the bytes of a text are."
    else:
        why = "The fingerprint hashed texts in another encoding."
    raise Problem(
        f"The two servers hash the same text differently ({' / '.join(sorted(probes))}).",
        means=why,
        next="Restore one side's backup into a database like the other, and compare with that.",
    )
