"""A mistake in the YAML is reported in the line that a person has to correct, with the remedy."""

from __future__ import annotations

import pytest

from tests.checklists.runbook_files import GOOD, change_good, line_of, read_tiny

pytestmark = pytest.mark.usefixtures("only_own_actions")

QUOTE = "the quote that opens in this line is not closed where it should be"


@pytest.mark.parametrize(
    ("old", "new", "mistake", "said"),
    [
        # a quote, noticed at the end of the file, or at the next quote
        ("title: Save it", "title: 'Save it", "'Save it", QUOTE),
        ("title: Save it", 'title: "Save it', '"Save it', QUOTE),
        ("title: Save it", "title: 'tis saved", "'tis saved", QUOTE),
        ("owner: lead\n        needs", "owner: 'lead\n        needs", "'lead", QUOTE),
        ("[technical, data]", "['technical, data]", "['technical", QUOTE),
        # a bracket, noticed in the line below
        ("needs: [save, go]", "needs: [save, go", "[save, go", "the bracket that opens in this line"),
        ("params: {database: store, copy: save}", "params: {database: store", "{database", "the bracket"),
        ("seats: [technical, data]", "seats: [technical, data}", "data}", "did not find expected ',' or ']'"),
        # indentation
        ("        title: Change it", "       title: Change it", "title: Change it", "expected '-' indicator"),
        ("        title: Change it", "          title: Change it", "title: Change it", "mapping values"),
        ("          jobs: 2", "         jobs: 2", "jobs: 2", "did not find expected key"),
        ("          jobs: 2", "            jobs: 2", "jobs: 2", "mapping values are not allowed"),
        # others
        ("title: Save it", "title: Save: it", "Save: it", "mapping values are not allowed"),
        ("title: Save it", "title Save it", "title Save it", "could not find expected ':'"),
        ("title: Save it", "title: @Save it", "@Save", "cannot start any token"),
        ("title: Save it", "title: `Save` it", "`Save", "cannot start any token"),
        ("title: Save it", 'title: "Save" it', '"Save" it', "did not find expected key"),
        ("title: Save it", "title: [Save] it", "[Save] it", "did not find expected key"),
        ("title: Save it", 'title: "Save \\it"', "\\it", "unknown escape character"),
        ("title: Save it", "title:\tSave it", "\tSave", "holds a tab"),
        ("        title: Save it\n", "\ttitle: Save it\n", "\ttitle", "holds a tab"),
        ("title: Save it", "title: Save it\n        title: Twice", "title: Twice", "“title” stands here a"),
        ("roles:\n", "name: again\nroles:\n", "name: again", "a second time, first in line 1"),
    ],
)  # fmt: skip
def test_the_line_of_the_mistake_is_named(old: str, new: str, mistake: str, said: str) -> None:
    text = change_good(old, new)
    (error,) = read_tiny(text).errors
    assert said in error.what
    assert error.line == line_of(text, mistake)
    assert error.remedy


def test_the_first_of_several_open_quotes_is_named() -> None:
    text = GOOD.replace("title: Save it", "title: 'Save it").replace("title: Change it", "title: 'Change it")
    (error,) = read_tiny(text).errors
    assert (error.line, QUOTE in error.what) == (line_of(text, "'Save it"), True)


def test_a_quoted_text_of_several_lines_is_no_mistake() -> None:
    text = change_good("title: Save it", "title: 'Save\n          it'")
    assert read_tiny(text).errors == []
    broken = text.replace("kind: gate", "kind: [gate")
    assert [error.line for error in read_tiny(broken).errors] == [line_of(broken, "[gate")]


def test_a_bracket_over_several_lines_is_reported_where_it_goes_wrong() -> None:
    text = change_good(
        "seats: [technical, data]", "seats: [technical,\n                {a: 1 b: 2},\n                data]"
    )
    assert [error.line for error in read_tiny(text).errors] == [line_of(text, "{a: 1 b")]


def test_a_long_quoted_text_is_not_blamed_for_a_mistake_elsewhere() -> None:
    text = change_good("title: Save it", "title: 'Save\n          note: it\n          well'")
    broken = text.replace("title: Change it", "title: [Change] it")
    assert [error.line for error in read_tiny(broken).errors] == [line_of(broken, "[Change]")]


@pytest.mark.parametrize(
    ("text", "line", "what", "keys"),
    [
        ("[1, 2]\n", 1, "not a list", "name:, title:, timezone:, roles: and phases:"),
        ("a plan\n", 1, "not “a plan”", "name:, title:, timezone:, roles: and phases:"),
        (
            change_good("  - key: first", "  - before\n  - key: first"),
            0,
            "not “before”",
            "key:, title: and items:",
        ),
    ],
)
def test_what_should_be_a_mapping_is_told_with_the_keys_that_it_needs(
    text: str, line: int, what: str, keys: str
) -> None:
    errors = [
        error for error in read_tiny(text).errors if "a mapping (key: value) belongs here" in error.what
    ]
    assert what in errors[0].what
    assert keys in errors[0].remedy
    assert errors[0].line == (line or line_of(text, "- before"))
