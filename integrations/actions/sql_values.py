"""Values that a query gives: compared with those of a runbook or of another database, and as JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def is_same(expected: Any, found: Any) -> bool:
    """Numbers are equal by value, also as text in the runbook; everything else by its text."""
    if expected is None or found is None:
        return expected is None and found is None
    if isinstance(expected, bool) or isinstance(found, bool):
        return isinstance(expected, bool) and isinstance(found, bool | int) and expected == found
    if isinstance(found, int | float | Decimal):
        try:
            return Decimal(str(expected)) == Decimal(str(found))
        except ArithmeticError:
            return False
    return str(to_json(found)) == str(expected)


def to_json(value: Any) -> Any:
    """A value of a database as JSON has it: times in ISO 8601, decimals as numbers or text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else str(value)


def digest_of_rows(rows: Sequence[Sequence[Any]]) -> str:
    """The SHA-256 of rows in their order."""
    text = json.dumps([[to_json(value) for value in row] for row in rows], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
