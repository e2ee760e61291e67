"""The types of arguments: numbers within their bounds, files that are no addresses, conditions on rows."""

from __future__ import annotations

import argparse
import math

from integrations.parity.model.selection import RowCondition, parse_where
from integrations.parity.outputs import Output, parse_output


def count(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"“{text}” is no whole number from 0 on")
    return int(text)


def amount(text: str) -> float:
    """A finite number from 0 on."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"“{text}” is no number from 0 on")
    return number


def percent(text: str) -> float:
    """A number above 0 and up to 100."""
    number = amount(text)
    if not 0 < number <= 100:
        raise argparse.ArgumentTypeError(f"“{text}” is no percentage above 0 and up to 100")
    return number


def file(text: str) -> str:
    """The path of a file."""
    if "://" in text:  # every message about the file would show its password
        raise argparse.ArgumentTypeError("a file is wanted here, and this is an address")
    return text


def output(text: str) -> Output:
    """``FORMAT`` or ``FORMAT=FILE``."""
    try:
        return parse_output(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def condition(text: str) -> RowCondition:
    """``table=condition``."""
    try:
        return parse_where(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
