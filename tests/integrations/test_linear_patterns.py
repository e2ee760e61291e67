"""No pattern takes a time that grows with the square of what it reads.

Every compiled pattern of the product is tried on long texts, as it is used: searched for, or only matched at
the beginning. The texts are one repeated piece, and examples of what the pattern takes, cut off anywhere and
gone on with a part of themselves. A pattern inside a function is not seen here: give it a name.
"""

from __future__ import annotations

import collections
import re
import sys
import time
import zlib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies

from tests.source_tree import modules, python_files

LENGTH = 2_000  # characters
LONGER = 4  # times that length
GROWTH = 8  # a linear pattern takes 4 times as long for it, a quadratic one 16 times
SUSPICIOUS = 0.0008  # seconds; what takes less is not tried with the longer text
PIECES = (
    *("x", " ", "'", '"', "(", "=", "@", "0", "-", "/", ":", ".", ",", "\n", "[", "{", "`", "_", "$", "\\"),
    *(
        "x ",
        "a.",
        "a@",
        "= ",
        "x=",
        "''",
        "error ",
        "A",
        "\t",
        "x\n",
        "0.",
        "a-",
        "://",
        "--",
        "%",
        "|",
        "/*",
    ),
)
EXAMPLES = 2  # texts that a pattern takes, each stretched
LONGEST_EXAMPLE = 16  # characters
CALL = re.compile(r"\b([A-Za-z_]\w*)\.(\w+)\(")
SHARE = 5  # the suite stretches the examples of one in so many patterns, a long run those of all


def patterns(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    """Those in a value of a module: alone, or in tuples, lists and mappings."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict) and depth < 3:
        for each in (*value.keys(), *value.values()):
            yield from patterns(each, depth + 1)
    elif isinstance(value, tuple | list) and depth < 3:
        for each in value:
            yield from patterns(each, depth + 1)


def named_patterns() -> dict[str, re.Pattern[Any]]:
    """Module and name → pattern."""
    found = {}
    for name in modules():
        if name.startswith("cutover.") and name not in sys.modules:
            continue  # some open connections when they are imported
        module = sys.modules.get(name) or import_module(name)
        for key, value in list(vars(module).items()):
            for number, pattern in enumerate(patterns(value)):
                found.setdefault(pattern, f"{name}.{key}{f'[{number}]' if number else ''}")
    return {place: pattern for pattern, place in found.items()}


def is_only_matched(place: str) -> bool:
    """Whether nothing searches with it, so that it is tried at the beginning of a text alone."""
    uses = uses_of_names().get(place.rpartition(".")[2].partition("[")[0], set())
    return bool(uses) and uses <= {"match", "fullmatch"}


@cache
def uses_of_names() -> dict[str, set[str]]:
    """Name → the methods that are called of it, wherever it is one."""
    found: dict[str, set[str]] = {}
    for file in python_files():
        for name, method in CALL.findall(file.read_text()):
            found.setdefault(name, set()).add(method)
    return found


def examples_of(pattern: re.Pattern[Any]) -> list[Any]:
    """Some texts that it takes, the same in every run."""
    found = []

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.from_regex(pattern))
    def take(text: Any) -> None:
        found.append(text[:LONGEST_EXAMPLE])

    take()
    return list(dict.fromkeys(found))


def stretched(pattern: re.Pattern[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Beginnings of something that the pattern takes, a piece to repeat behind each, and an end."""
    made = set()
    for text in examples_of(pattern):
        nothing, end = text[:0], "\0" if isinstance(text, str) else b"\0"
        blank = " " if isinstance(text, str) else b" "
        for cut in range(len(text) + 1):
            for piece in (text[max(0, cut - 1) : cut], text[max(0, cut - 2) : cut], blank):
                if piece != nothing and (text[:cut], piece) not in made:
                    made.add((text[:cut], piece))
                    yield text[:cut], piece, end


def find_quadratic(pattern: re.Pattern[Any], *, only_matched: bool, examples: bool = True) -> str:
    """The beginning and end of a text whose time grows with the square of its length; "" for none."""
    texts: list[tuple[Any, Any, Any]] = [("", piece, "") for piece in PIECES]
    if isinstance(pattern.pattern, bytes):
        texts = [(b"", piece.encode(), b"") for _, piece, _ in texts]
    for head, piece, tail in (*texts, *(stretched(pattern) if examples else ())):
        count = LENGTH // len(piece)
        seconds = seconds_of(pattern, head + piece * count + tail, only_matched)
        if seconds < SUSPICIOUS:
            continue
        longer = seconds_of(pattern, head + piece * count * LONGER + tail, only_matched, tries=2)
        if longer > GROWTH * min(seconds, seconds_of(pattern, head + piece * count + tail, only_matched)):
            return (
                f"{head!r} + {piece!r}… + {tail!r}: {seconds:.4f} s, and {longer:.4f} s for {LONGER} times it"
            )
    return ""


def seconds_of(pattern: re.Pattern[Any], text: Any, only_matched: bool, tries: int = 1) -> float:
    """Of this process, the best of some tries."""
    best = float("inf")
    for _ in range(tries):
        began = time.process_time()
        if only_matched:
            pattern.match(text)
            pattern.fullmatch(text)
        else:
            collections.deque(pattern.finditer(text), maxlen=0)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.property
def test_no_pattern_takes_quadratic_time(request: pytest.FixtureRequest) -> None:
    named, share = named_patterns(), 1 if request.config.getoption("--property-round") else SHARE
    assert len(named) > 150
    found = {
        place: wrong
        for place, pattern in named.items()
        if (
            wrong := find_quadratic(
                pattern,
                only_matched=is_only_matched(place),
                examples=zlib.crc32(place.encode()) % share == 0,
            )
        )
    }
    assert found == {}


@pytest.mark.parametrize(
    ("pattern", "only_matched"),
    [
        (r"\w*key", False),
        (r"a\s*,?\s*b", True),
        (r"\(.*\)", False),
        (r"\d+\.?\d*x", True),
        (r"(?m)^\s*x", False),
    ],
)
def test_a_quadratic_pattern_is_found(pattern: str, only_matched: bool) -> None:
    assert find_quadratic(re.compile(pattern), only_matched=only_matched)
    assert not find_quadratic(re.compile("key|a,b"), only_matched=only_matched)
