"""Tests that are left out of each run: they exist, and so does what stands for them there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from tests.nightly import FILE, is_nightly, read_instead

LISTED = read_instead()


def exists(test: str) -> bool:
    """Whether there is such a file, with such a function."""
    path, _, name = test.partition("::")
    function = re.escape(name.partition("[")[0])
    text = (PROJECT / path).read_text() if (PROJECT / path).is_file() else ""
    return bool(text and re.search(rf"^\s*(async )?def {function}", text, re.M))


@pytest.mark.parametrize("nightly", LISTED)
def test_what_is_left_out_exists_and_each_run_has_something_instead(nightly: str) -> None:
    assert exists(nightly)
    assert exists(LISTED[nightly])
    assert not is_nightly(LISTED[nightly], LISTED), "what stands for it is left out itself"


def test_a_listed_file_or_test_covers_its_cases() -> None:
    listed = {"tests/a.py": "x", "tests/b.py::test_b": "x", "tests/c.py::test_c[one]": "x"}
    found = [
        test
        for test in (
            "tests/a.py::test_a",
            "tests/b.py::test_b[two]",
            "tests/c.py::test_c[one]",
            "tests/c.py::test_c[two]",
        )
        if is_nightly(test, listed)
    ]
    assert found == ["tests/a.py::test_a", "tests/b.py::test_b[two]", "tests/c.py::test_c[one]"]


def test_the_list_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "nightly.txt"
    file.write_text("# Why.\n\na.py::test_a  b.py\n")
    assert read_instead(file) == {"a.py::test_a": "b.py"}
    assert len(LISTED) == sum(not line.startswith("#") for line in FILE.read_text().splitlines())
