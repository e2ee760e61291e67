"""The templates as source: short lines, one element per line, and an include for each partial."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "templates"
TEMPLATES = sorted(FOLDER.rglob("*.html"))
LONGEST_LINE = 160
#: Elements that stand on lines of their own as soon as they have elements inside.
BLOCKS = "article|div|dl|fieldset|footer|form|header|li|main|nav|ol|section|table|tbody|thead|tr|ul"


def named(path: Path) -> str:
    return str(path.relative_to(FOLDER))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_no_line_of_a_template_is_long(path: Path) -> None:
    long = [n for n, line in enumerate(path.read_text().splitlines(), 1) if len(line) > LONGEST_LINE]
    assert long == []


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_a_block_with_elements_inside_has_a_line_of_its_own(path: Path) -> None:
    opening = re.compile(rf"<({BLOCKS})\b[^>]*>.*<({BLOCKS})\b")
    squeezed = [n for n, line in enumerate(path.read_text().splitlines(), 1) if opening.search(line)]
    assert squeezed == []


def test_every_partial_is_used() -> None:
    source = "".join(path.read_text() for path in TEMPLATES)
    views = Path(__file__).parents[3] / "checklists"
    source += "".join(path.read_text() for path in views.rglob("*.py"))
    unused = [path.name for path in TEMPLATES if path.name.startswith("_") and f'"{path.name}' not in source]
    assert unused == []
