"""One way to turn facts into text and into a digest, so that the same facts always give the same digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(facts: Any) -> str:
    """JSON with sorted keys and no spaces; dates, UUIDs and the like as their text."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest_of(facts: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(facts).encode()).hexdigest()
