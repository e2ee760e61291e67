"""Runs the command line in this process, and gives what it printed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from integrations.parity.__main__ import main
from tests.integrations.parity.conftest import Pair


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """A call without databases: making two of them takes longer than most tests of arguments."""
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    out, err = capsys.readouterr()
    return Ended(code, out, err)


@dataclass(frozen=True)
class Tool:
    """The command line with two databases."""

    pair: Pair
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, sides: bool = True) -> Ended:
        given = [self.pair.source.url, self.pair.target.url, *arguments] if sides else list(arguments)
        return call(self.capsys, *given)
