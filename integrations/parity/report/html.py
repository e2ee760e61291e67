"""A comparison as one HTML file that needs no script, no other file and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.parity.model.personal import MASK
from integrations.parity.report import wording
from integrations.parity.report.markup import Html, join_markup, tag
from integrations.parity.report.text_diff import MarkedTexts, TextPart, mark_differences, mark_outline

CSS = Path(__file__).with_name("page.css")
MAX_WORD_MARKS = 500  # rows of a table that are marked word by word; marking more would take too long
MAX_PATHS = 20  # of one JSON value
CUT = (
    "Of the answers only the first rows are shown, those before all others that the other side does not have."
)
KINDS = {"changed": "changed", "missing": "missing in the target", "extra": "only in the target"}

Facts = Mapping[str, Any]


def render_page(facts: Facts) -> str:
    """The whole document, from the facts of `build_facts`."""
    source, target = facts["source"], facts["target"]
    title = f"Parity: {source.get('address')} with {target.get('address')}"
    head = tag(
        "head",
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Html(CSS.read_text())),
    )
    body = tag(
        "main",
        *_header(facts),
        _tables_section(facts["tables"]),
        *_check_sections(facts),
        *_table_details(facts),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _header(facts: Facts) -> Iterator[Html]:
    kind = {"Equal": "good", "Different": "bad"}.get(facts["verdict"].split()[0], "warn")
    yield tag("h1", facts["verdict"], class_=kind)
    yield tag("p", facts["summary"])
    source = facts["source"]
    taken = f", as it was at {source['taken_at']}" if source.get("taken_at") else ""
    yield tag(
        "p",
        f"Source {source.get('address')}{taken}; target {facts['target'].get('address')}; compared"
        f" {facts['started']} to {facts['finished']}. Digest ",
        tag("code", facts["digest"]),
        class_="muted",
    )
    if facts.get("partial"):
        yield tag("p", f"Not all of it was compared: {facts['partial']}", class_="warn")
    if facts["mode"] == "sample":
        words = "This is a sample: it can prove that something differs, and never that all is equal."
        yield tag("p", words, class_="warn")
    if facts.get("personal"):
        yield tag("p", f"Values of personal columns are hidden as {MASK}.", class_="muted")


def _tables_section(tables: Sequence[Facts]) -> Html:
    names = (
        "Table",
        "Rows in the source",
        "Rows in the target",
        "Changed",
        "Missing",
        "Only in the target",
        "Declared",
        "Seconds",
        "Verdict",
    )
    head = tag(
        "tr",
        *(tag("th", name, scope="col", class_="number" if 0 < n < 8 else "") for n, name in enumerate(names)),
    )
    lines = [_table_row(number, table) for number, table in enumerate(tables, 1)]
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    wide = tag("div", table, class_="wide", role="region", aria_label="Tables", tabindex="0")
    return join_markup(tag("h2", "Tables"), wide)


def _table_row(number: int, table: Facts) -> Html:
    least = "≥ " if table["at_least"] else ""
    counts = [f"{table[name]:,}" for name in ("source_rows", "target_rows")]
    counts += [f"{least if table[name] else ''}{table[name]:,}" for name in ("changed", "missing", "extra")]
    counts += [f"{table['declared']:,}", f"{table['seconds']:.2f}"]
    name = tag("a", table["table"], href=f"#table-{number}") if _has_details(table) else table["table"]
    cells = [tag("td", count.replace(",", "\u202f"), class_="number") for count in counts]
    return tag("tr", tag("th", name, scope="row"), *cells, tag("td", _verdict_of(table)))


def _verdict_of(table: Facts) -> Html:
    if table["differing"]:
        return tag("span", "✗ different", class_="bad")
    if table["unsound"] or not table["equal"]:
        return tag("span", "? not proven", class_="warn")
    words = "✓ equal in the rows that were selected" if table.get("restricted") else "✓ equal"
    return tag("span", words, class_="good")


def _check_sections(facts: Facts) -> Iterator[Html]:
    """Findings beyond the rows; a section without any is left out."""
    yield _list("Schema differences that nobody declared", facts["schema"].get("undeclared", []))
    yield _list("Structure", list(wording.describe_structure(facts)))
    yield _list("Sequences", [wording.describe_sequence(one) for one in facts["sequences"]])
    yield from _check_list("Totals", facts["totals"])
    yield from _check_list("Rules in SQL", facts.get("checks", []))
    yield from _check_list("Spot checks", facts.get("spots", []))
    yield _list("Compared under these conditions", facts.get("conditions", []))
    yield _list("Could not be compared", facts["unsound"])
    yield _list("How it was read", facts.get("notes", []))
    yield _list("Present, not compared", list(wording.describe_uncompared(facts)))
    yield _list("Left out on purpose", facts["not_compared"])
    yield _list("Rules that name nothing of either side", facts.get("unmatched_rules", []))
    yield _list("Declared differences that were not found", facts["unmet_rules"])


def _list(title: str, lines: Sequence[str]) -> Html:
    if not lines:
        return Html()
    return join_markup(tag("h2", title), tag("ul", *(tag("li", line) for line in lines)))


def _check_list(title: str, checks: Sequence[Facts]) -> Iterator[Html]:
    if checks:
        yield tag("h2", title)
    for check in checks:
        equal = check["equal"]
        word = tag("span", "✓ the same" if equal else "✗ not the same", class_="good" if equal else "bad")
        notes = [tag("p", check["reason"])] if check.get("reason") else []
        notes += [tag("pre", check["sql"])] if check.get("sql") else []
        notes += [tag("p", CUT, class_="muted")] if check.get("cut") else []
        yield tag(
            "details",
            tag("summary", word, ": ", wording.describe_check(check)),
            *notes,
            _answers_table(check),
            open=not equal,
        )


def _answers_table(check: Facts) -> Html:
    """Both sides of each group, column or answer, as a table."""
    lines = [
        (_shown(group["group"]) or "all", group["source"], group["target"])
        for group in check.get("groups", [])
    ]
    lines += [(name, *pair) for name, pair in check.get("columns", {}).items()]
    if "source" in check and not lines:
        lines = [("answer", check["source"], check["target"])]
    rows = [
        tag("tr", tag("th", name, scope="row"), _both_cells(before, after)) for name, before, after in lines
    ]
    head = _sides_head("Group" if check.get("groups") else "Answer" if "source" in check else "Column")
    return tag("table", head, tag("tbody", *rows)) if rows else Html()


def _both_cells(before: Any, after: Any) -> Html:
    kind = "" if before == after else "bad"
    return join_markup(*(tag("td", _shown(value), class_=kind) for value in (before, after)))


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    return " · ".join(map(_shown, value)) if isinstance(value, list | tuple) else str(value)


def _sides_head(what: str = "Column") -> Html:
    names = (what, "Source", "Target")
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))


def _table_details(facts: Facts) -> Iterator[Html]:
    """For each table with findings: reasons, places, and its rows side by side."""
    for number, table in enumerate(facts["tables"], 1):
        if _has_details(table):
            yield tag("h2", table["table"], id=f"table-{number}")
            yield from _table_section(table)


def _has_details(table: Facts) -> bool:
    return bool(table["examples"]) or any(_finding_lines(table))


def _finding_lines(table: Facts) -> Iterator[str]:
    yield from table["unsound"]
    yield from (f"differs in {place}" for place in table["places"])
    yield from (f"{count:,} declared: {rule}" for rule, count in table["declared_by"].items())
    yield from (f"column {name} was left out on purpose" for name in table["not_compared"])
    yield from table["notes"]


def _table_section(table: Facts) -> Iterator[Html]:
    if lines := list(_finding_lines(table)):
        yield tag("ul", *(tag("li", line) for line in lines))
    if table.get("by_column"):
        by = sorted(table["by_column"].items(), key=lambda pair: (-pair[1], pair[0]))
        yield tag(
            "p",
            "Changed rows among the examples, by column: "
            + ", ".join(f"{name} {count:,}" for name, count in by),
        )
    for place, row in enumerate(table["examples"]):
        yield from _row_section(row, place < MAX_WORD_MARKS)
    if table["examples_cut"]:
        words = f"{table['differing']:,} rows differ; the first {len(table['examples']):,} are shown."
        yield tag("p", words, class_="muted")
    if table.get("repair"):
        summary = "SQL that would make these rows of the target those of the source; it is never run"
        yield tag("details", tag("summary", summary), tag("pre", "\n".join(table["repair"])))


def _row_section(row: Facts, by_words: bool) -> Iterator[Html]:
    key = wording.describe_key(row["key"], " ")
    yield tag(
        "h3", tag("code", key) if key else "A row without a key", f" {KINDS.get(row['kind'], row['kind'])}"
    )
    cells = [_column_row(row, name, by_words) for name in row["columns"]]
    yield tag("table", _sides_head(), tag("tbody", *cells), class_="row")


def _column_row(row: Facts, name: str, by_words: bool) -> Html:
    before, after = row["columns"][name]
    both = before is not None and after is not None
    mark = mark_differences if by_words else mark_outline
    versions = (
        mark(before, after)
        if both
        else MarkedTexts(_without_counterpart(before, row), _without_counterpart(after, row))
    )
    notes: list[Html] = [
        tag("code", path, class_="path") for path in row.get("paths", {}).get(name, ())[:MAX_PATHS]
    ]
    if both and versions.has_no_mark and before != MASK:
        notes.append(
            tag("span", "the same in the part that was kept: they differ further on", class_="path muted")
        )
    return tag(
        "tr",
        tag("th", name, *notes, scope="row"),
        tag("td", _side("del", before, versions.before, row["kind"] == "extra")),
        tag("td", _side("ins", after, versions.after, row["kind"] == "missing")),
    )


def _without_counterpart(value: str | None, row: Facts) -> list[TextPart]:
    """A value without a counterpart: against NULL it differs as a whole, against no row nothing is marked."""
    return [TextPart(value, row["kind"] == "changed")] if value else []


def _side(name: str, value: str | None, parts: Sequence[TextPart], no_row: bool) -> Html:
    if no_row or not value:
        word = "no row" if no_row else "NULL" if value is None else "empty text"
        return tag("span", word, class_="null")
    return tag(name, *(tag("mark", part.text) if part.differs else part.text for part in parts))
