"""Whether two servers hash the same value to the same number, also where their encodings differ."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from integrations.parity.errors import ParityError

NO_ENCODING = "SQL_ASCII"  # bytes of unknown characters

#: Answers the server's encoding, then its hashes of fixed values.
HASH_PROBE = sql.SQL(
    "SELECT concat_ws(' ', current_setting('server_encoding'),"
    " hashtextextended('probe' COLLATE \"C\", 1), hashcharextended('p', 1), hashfloat8extended(0.1, 1),"
    " uuid_hash_extended('00000000-0000-0000-0000-000000000001', 1))"
)


def needs_recoding(live: Iterable[str], kept: str = "") -> bool:
    """Whether texts have to be hashed as UTF-8, because the two sides store different encodings.

    ``live`` are the answers of databases to `HASH_PROBE`, ``kept`` is that of a fingerprint, which cannot
    be hashed again. Raises `ParityError` where no way of hashing would be sound.
    """
    probes = {*live, kept} - {""}
    encodings = {probe.split()[0] for probe in probes}
    hashes = {probe.split(maxsplit=1)[1] for probe in probes}
    if len(probes) == 1:
        return False
    if len(hashes) == 1 and not kept and NO_ENCODING not in encodings:
        return True
    if len(hashes) > 1:
        why = "The kind of processor is not the same, so row hashes say nothing."
    elif NO_ENCODING in encodings:
        why = f"In {NO_ENCODING} nobody knows which letters the bytes of a text are."
    else:
        why = "The fingerprint hashed texts in another encoding."
    raise ParityError(
        f"The two servers hash the same text differently ({' / '.join(sorted(probes))}).",
        means=why,
        next="Restore one side's backup into a database like the other, and compare with that.",
    )
