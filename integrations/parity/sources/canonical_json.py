"""JSON by its meaning: one text for all ways to write the same value."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

UNREADABLE = "unreadable "


def canonical_json(text: str) -> str:
    """The same text for values that mean the same: keys are sorted, numbers lose what says nothing.

    Of two values of one key the last counts, as in jsonb. What is no JSON keeps its text, with a mark.
    """
    try:
        return _write(json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse))
    except (ValueError, ArithmeticError, RecursionError):
        return UNREADABLE + text


def _write(value: Any) -> str:
    if isinstance(value, dict):
        members = ",".join(f"{json.dumps(key)}:{_write(value[key])}" for key in sorted(value))
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_write, value))}]"
    return _write_number(value) if isinstance(value, Decimal) else json.dumps(value)


def _write_number(value: Decimal) -> str:
    """Its digits without zeros at either end, and the power of ten; zero has no sign, as in PostgreSQL."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits)).lstrip("0")
    kept = written.rstrip("0")
    return f"{'-' if sign else ''}{kept}e{exponent + len(written) - len(kept)}" if kept else "0"


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
