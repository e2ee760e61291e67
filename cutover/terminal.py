"""Output of the programs that start the panel: `./panel run` and `./panel demo`."""

from __future__ import annotations


def say(line: str) -> None:
    """Prints a line without delay."""
    print(line, flush=True)  # noqa: T201  # a program prints
