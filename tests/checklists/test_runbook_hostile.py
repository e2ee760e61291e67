"""Files that mean harm, or are no text at all, are refused in words and at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checklists.runbook.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_NODES
from tests.checklists.runbook_files import GOOD, read_tiny

pytestmark = pytest.mark.usefixtures("only_own_actions")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a: &x 1\nb: 2\n", 1, "“x” is an anchor or alias."),
        ("a: 1\nb: *x\n", 2, "“x” is an anchor or alias."),
        ("a: 1\nb: !!python/object/apply:os.system [echo]\n", 2, "is a tag."),
        ("a: !!str 1\n", 1, "is a tag."),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "“c” stands here a second time, first in line 3."),
        ("a: 1\n? [x, y]\n: 2\n", 2, "A list or mapping stands where a key belongs."),
        ("a: 1\nb:\t2\n", 2, "The line holds a tab."),
        ("a: 1\nb: \x002\n", 2, "hidden character U+0000"),
        ("a: 1\nb: \x1b[2J\n", 2, "hidden character U+001B"),
        ("a: '\u202egnp.exe'\n", 1, "hidden character U+202E"),
        ("a: 1\nb: x\u2028c: d\n", 2, "hidden character U+2028"),
        (b"a: 1\nb: \xff\xfe\n", 2, "is no UTF-8"),
        ("a: 1\nb: \ud800\n", 2, "is no UTF-8"),
        ("a: 1\n  b: [\n", 2, "This is no YAML"),
        ("", 1, "The file is empty."),
        ("# only words\n", 1, "The file is empty."),
        ("a: " + "[" * (MAX_DEPTH + 1), 1, f"More than {MAX_DEPTH} levels"),
        ("a: " + "{b: " * 50_000, 1, f"More than {MAX_DEPTH} levels"),
        ("a: [" + "1," * (MAX_NODES + 1) + "]", 1, f"more than {MAX_NODES} values"),
        ("a: " + "x" * MAX_BYTES, 1, "larger than 256 KB"),
        (b"\0" * 10_000_000, 1, "larger than 256 KB"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_with_its_line(content, line, words):
    found = read_tiny(content)
    assert found.document is None
    (error,) = found.errors
    assert (error.line, error.where) == (line, "file")
    assert words in error.what
    assert error.remedy


def test_aliases_are_refused_before_they_expand():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (error,) = read_tiny("\n".join(lines)).errors
    assert (error.line, error.what) == (1, "“a0” is an anchor or alias.")


def test_a_merge_key_is_only_an_unknown_key():
    assert any("“<<” is no key here." in m.what for m in read_tiny("<<: {name: x}\n").errors)


@pytest.mark.property
@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(content):
    assert read_tiny(content).errors


@pytest.mark.property
@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.text(max_size=12))
def test_no_change_of_a_good_file_crashes_the_reader(place, length, text):
    found = read_tiny(GOOD[:place] + text + GOOD[place + length :])
    assert (found.document is None) == any(error.is_fatal for error in found.errors)
