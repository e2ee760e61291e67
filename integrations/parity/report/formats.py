"""The formats of a result, all made of the same facts (`build_facts`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from integrations.parity.report.csv_rows import render_csv
from integrations.parity.report.html import render_page
from integrations.parity.report.junit import render_junit
from integrations.parity.report.markdown import render_markdown
from integrations.parity.report.terminal import render_text

Facts = Mapping[str, Any]


def render_json(facts: Facts) -> str:
    """Everything, for programs."""
    return json.dumps(facts, indent=1) + "\n"


def render_last_line(facts: Facts) -> str:
    """The last line of JSON lines: the whole result but for its tables, which have lines of their own."""
    rest = {name: value for name, value in facts.items() if name != "tables"}
    return json.dumps({"type": "result", **rest}) + "\n"


def render_json_lines(facts: Facts) -> str:
    """A line for each table, and one for the result."""
    tables = (json.dumps({"type": "table", **table}) + "\n" for table in facts["tables"])
    return "".join(tables) + render_last_line(facts)


FORMATS: dict[str, Callable[[Facts], str]] = {
    "text": render_text,
    "json": render_json,
    "jsonl": render_json_lines,
    "csv": render_csv,
    "markdown": render_markdown,
    "junit": render_junit,
    "html": render_page,
}
