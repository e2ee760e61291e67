"""Marks of slow tests: what a complete run writes down, and that the file names tests that exist."""

from __future__ import annotations

import re

from cutover.data_folder import PROJECT
from tests.slow_tests import read_seconds, updated


def test_a_test_is_marked_from_a_second_on() -> None:
    assert updated({}, {"a": 0.9, "b": 1.0}) == {"b": 1.0}


def test_a_recorded_time_stays_until_it_is_off_by_half() -> None:
    assert updated({"a": 2.0, "b": 2.0}, {"a": 3.9, "b": 4.1}) == {"a": 2.0, "b": 4.1}


def test_a_mark_goes_when_the_test_is_clearly_fast_or_gone() -> None:
    assert updated({"a": 1.2, "b": 1.2, "gone": 9.0}, {"a": 0.55, "b": 0.4}) == {"a": 0.55}


def test_every_marked_test_exists() -> None:
    for name in read_seconds():
        path, _, test = name.partition("::")
        function = re.escape(test.rpartition("::")[2].partition("[")[0])
        assert re.search(rf"^\s*(async )?def {function}\(", (PROJECT / path).read_text(), re.M), name
