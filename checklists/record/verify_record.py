#!/usr/bin/env python3
"""Verifies an exported record of Cutover without the panel: needs Python 3.8 or later and nothing else.

    python3 verify_record.py RECORD.json [EARLIER.json]

Each link of the record carries the SHA-256 of the link before it and of its own contents, so an edited,
removed, added or moved link breaks the chain from there on. Whoever could rewrite the whole database could
rewrite the whole chain: an EARLIER export kept elsewhere is what such a rewriting cannot agree with.
The format: docs/reference/record.md. This file is part of Cutover (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "cutover-record/1"
GENESIS = "0" * 64
FIELDS = ("seq", "at", "actor", "kind", "payload", "prev", "hash")


class ChainVerdict(NamedTuple):
    """What the verification found; ``broken_at`` is the number of the first bad link, 0 for none."""

    ok: bool
    links: int
    head: str
    broken_at: int
    why: str


def link_hash(prev: str, chain: str, link: Mapping[str, Any]) -> str:
    """SHA-256 over the previous hash and the canonical JSON of a link; ``at`` in UTC with microseconds."""
    body = [chain, link["seq"], link["at"], link["actor"], link["kind"], link["payload"]]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((prev + text).encode()).hexdigest()


def verify_links(chain: str, links: Iterable[Mapping[str, Any]], head: Mapping[str, Any]) -> ChainVerdict:
    """Walks the chain from its beginning; ``head`` (seq, hash) says where it must end."""
    prev, seq = GENESIS, 0
    for link in links:
        seq += 1
        why = _wrong(chain, link, seq, prev)
        if why:
            return ChainVerdict(False, seq - 1, prev, seq, why)
        prev = link["hash"]
    if (seq, prev) != (head.get("seq"), head.get("hash")):
        why = f"The chain should end at link {head.get('seq')}; it ends at {seq}, or with another hash."
        return ChainVerdict(False, seq, prev, seq + 1, why)
    return ChainVerdict(True, seq, prev, 0, "")


def _wrong(chain: str, link: Mapping[str, Any], seq: int, prev: str) -> str:
    missing = [name for name in FIELDS if name not in link]
    if missing:
        return f"It has no {', '.join(missing)}."
    if link["seq"] != seq:
        return f"It says that it is link {link['seq']}: a link is missing or in the wrong place."
    if link["prev"] != prev:
        return "It does not follow the link before it: that one was changed, or one between them removed."
    if link_hash(prev, chain, link) != link["hash"]:
        return "Its contents do not give its hash: it was changed after it was written."
    return ""


def verify_export(record: Mapping[str, Any]) -> ChainVerdict:
    """The verdict on an exported file, read as JSON."""
    if record.get("format") != FORMAT:
        return ChainVerdict(False, 0, GENESIS, 1, f"This is not a record in the format {FORMAT}.")
    return verify_links(record["cutover"]["slug"], record["links"], record["head"])


def continues(record: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Empty when ``record`` begins with all of ``earlier``; else what is different."""
    if record["cutover"]["slug"] != earlier["cutover"]["slug"]:
        return "The two files are records of different cutovers."
    seq, links = earlier["head"]["seq"], record["links"]
    if len(links) < seq:
        return f"The earlier export has {seq} links, this one only {len(links)}: the end was cut off."
    if seq and links[seq - 1]["hash"] != earlier["head"]["hash"]:
        return f"Link {seq} is not the one of the earlier export: the record was rewritten."
    return ""


def main(arguments: list[str]) -> int:
    """0: whole. 1: broken. 2: called wrongly, or a file cannot be read."""
    if len(arguments) not in (1, 2):
        print(__doc__)  # noqa: T201  # a program prints
        return 2
    try:
        records = [_read(name) for name in arguments]
        verdicts = [verify_export(record) for record in records]
        why = continues(*records) if len(records) == 2 else ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        print(f"Cannot be read as a record: {error!r}")  # noqa: T201  # a program prints
        return 2
    for name, verdict in zip(arguments, verdicts):  # noqa: B905  # strict= came with 3.10
        print(f"{name}: {sentence(verdict)}")  # noqa: T201  # a program prints
    if not all(verdict.ok for verdict in verdicts):
        return 1
    if len(records) == 1:
        return 0
    print(why or "It continues the earlier export.")  # noqa: T201  # a program prints
    return 1 if why else 0


def _read(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(
        Path(name).read_text(encoding="utf-8"), object_pairs_hook=_refuse_doubles
    )
    return record


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ about a name that stands twice: what a person reads would not be what was verified."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def sentence(verdict: ChainVerdict) -> str:
    """The verdict for a person."""
    if verdict.ok:
        return f"The chain is whole: {verdict.links} links, head {verdict.head}."
    return f"THE CHAIN IS BROKEN at link {verdict.broken_at}. {verdict.why}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
