"""Reads variables of the environment; a value that means nothing is refused, never guessed."""

from __future__ import annotations

import re

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


def yes_or_no(name: str, default: bool) -> bool:
    """A boolean variable. Another word is refused: a misspelt “yes” must not count as no."""
    value: str = env.str(name, default="").strip().lower()
    if value not in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ImproperlyConfigured(f"{name} is {value}. Write true or false.")
    return value in ("1", "true", "yes", "on") if value else default


def whole_number(name: str, default: int, *, zero: str) -> int:
    """A number of at most five digits; ``zero`` says what 0 means. Anything else is refused."""
    value: str = env.str(name, default="").strip() or str(default)
    if not re.fullmatch(r"[0-9]{1,5}", value):
        raise ImproperlyConfigured(f"{name} is {value}. Write a whole number; 0 {zero}.")
    return int(value)
