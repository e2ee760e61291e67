"""Whatever a database holds, a terminal prints it in one line, and in the order in which it stands."""

from __future__ import annotations

import json
import re

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT
from integrations.parity.report.printable import printable, quote_unless_plain
from tests.integrations.parity.conftest import Pair
from tests.integrations.parity.tool.command import Tool

SIGNS = (
    "\x1b[2J",
    "\n",
    "\r",
    "\b",
    "\x9b31m",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ufeff",
    "\u200e",
)
HOSTILE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_that_is_not_seen_is_escaped(sign: str) -> None:
    shown = printable(f"a{sign}b")
    assert not HOSTILE.search(shown)
    assert "\n" not in shown
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_what_can_be_seen_stays() -> None:
    for text in ("Zoë", "漢字", "עברית", "a\u202f000", 'quote\'s "x"', "back\\slash"):
        assert printable(text) == text


def test_a_key_cannot_pretend_to_be_more_than_one() -> None:
    assert quote_unless_plain("7") == "7"
    assert quote_unless_plain("2026-11-30") == "2026-11-30"
    assert quote_unless_plain("7] changed") == "'7] changed'"
    assert quote_unless_plain("7, part=2") == "'7, part=2'"
    assert quote_unless_plain("\x1b[2J") == r"'\x1b[2J'"


def test_no_name_key_or_value_reaches_the_terminal_as_it_is(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = Tool(pair, capsys)
    for number, sign in enumerate(SIGNS):
        name = f"t{number}{sign}Equal: 1 table"
        pair.both(f'create table "{name}" ("k{sign}" text primary key, "v{sign}" text)')
        pair.source.run(f"insert into \"{name}\" values ('a{sign}Equal: all', 'b{sign}'), ('gone', '')")
        pair.target.run(f"insert into \"{name}\" values ('a{sign}Equal: all', 'c{sign}')")
        pair.target.run(
            f'create table "only{sign}Equal" (id int)', f'create view "view{sign}" as select 1 as one'
        )
    ended = tool.run()
    assert ended.code == DIFFERENT
    assert not HOSTILE.search(ended.out + ended.err)
    assert [line for line in ended.out.splitlines() if line.startswith("Equal")] == []
    assert ended.out.count("] changed: ") == len(SIGNS)
    failed = tool.run("--table", "no\x1b[2Jsuch")
    assert (failed.code, HOSTILE.search(failed.err)) == (COULD_NOT, None)
    assert json.loads(tool.run("--json").out)["equal"] is False
