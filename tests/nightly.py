"""Marks the tests that are too long for each change (`pytest -p tests.nightly`).

A line of ``nightly.txt`` is a file, a test, or one case of a test, and then what shows the same in each run,
on less. `./panel test` leaves these tests out, `./panel test nightly` runs them, and who names one runs it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

FILE = Path(__file__).with_suffix(".txt")


def read_instead(file: Path = FILE) -> dict[str, str]:
    """File or test id → the file or test that each run has instead."""
    lines = (line.split() for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {nightly: instead for nightly, instead in lines}  # noqa: C416  # names both words


def is_nightly(test: str, listed: dict[str, str]) -> bool:
    """Whether a test is listed: by itself, as a case of a listed test, or in a listed file."""
    return bool({test, test.partition("[")[0], test.partition("::")[0]} & listed.keys())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Adds the marker before others choose by it."""
    listed = read_instead()
    for item in items:
        if is_nightly(item.nodeid, listed):
            item.add_marker("nightly")
