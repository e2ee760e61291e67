"""The canonical text of facts and its digest: equal facts give equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from json import encoder
from typing import Any

_reader = json.JSONDecoder()
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(facts: Any) -> str:
    """JSON with sorted keys and no spaces; dates, UUIDs and the like as their text."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest_of(facts: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(facts).encode()).hexdigest()


def json_text(text: str) -> str:
    """A text as canonical JSON has it, with its quotation marks."""
    return _encoder.encode(text)


def canonical_of(text: str) -> str:
    """The canonical text of what PostgreSQL wrote of a jsonb value, which begins with no space."""
    return _write(_reader.raw_decode(text)[0])


def _new_writer() -> Callable[[Any], str]:
    """Writes canonical JSON of what was read as JSON, so that there is nothing that JSON does not know.

    `JSONEncoder.encode` makes a new writer in C for each value, which takes longer than to write a short one.
    """
    new = getattr(encoder, "c_make_encoder", None)
    if new is None:  # a Python without it
        return _encoder.encode
    write = new(None, _encoder.default, encoder.encode_basestring, None, ":", ",", True, False, True)
    return lambda value: "".join(write(value, 0))


_write = _new_writer()
