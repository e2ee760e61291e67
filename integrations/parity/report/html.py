"""A comparison as one HTML file: it needs no script, no other file and no network to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.parity import wording
from integrations.parity.marking import Marked, Part, marked, marked_quickly
from integrations.parity.markup import Html, tag, text
from integrations.parity.personal import MASK

CSS = Path(__file__).with_suffix(".css")
CLOSELY = 500  # rows of a table that are marked word by word; of more only from first to last difference
PATHS = 20  # paths named of one JSON value
CUT = (
    "Of the answers only the first rows are shown, those before all others that the other side does not have."
)
KINDS = {"changed": "changed", "missing": "missing in the target", "extra": "only in the target"}

Facts = Mapping[str, Any]


def page(facts: Facts) -> str:
    """The whole document from the facts of `report.facts_of`."""
    source, target = facts["source"], facts["target"]
    title = f"Parity: {source.get('address')} with {target.get('address')}"
    head = tag(
        "head",
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Html(CSS.read_text())),
    )
    body = tag("main", *_verdict(facts), _tables(facts["tables"]), *_beside(facts), *_details(facts))
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _verdict(facts: Facts) -> Iterator[Html]:
    kind = {"Equal": "good", "Different": "bad"}.get(facts["verdict"], "warn")
    yield tag("h1", facts["verdict"], class_=kind)
    yield tag("p", facts["summary"])
    source = facts["source"]
    taken = f", as it was at {source['taken_at']}" if source.get("taken_at") else ""
    yield tag(
        "p",
        f"Source {source.get('address')}{taken}; target {facts['target'].get('address')}; compared"
        f" {facts['started']} to {facts['finished']}. Digest ", tag("code", facts["digest"]),
        class_="muted",
    )  # fmt: skip
    if facts.get("partial"):
        yield tag("p", f"Not all of it was compared: {facts['partial']}", class_="warn")
    if facts["mode"] == "sample":
        words = "This is a sample: it can prove that something differs, and never that all is equal."
        yield tag("p", words, class_="warn")
    if facts.get("personal"):
        yield tag("p", f"Values of personal columns are hidden as {MASK}.", class_="muted")


def _tables(tables: Sequence[Facts]) -> Html:
    names = ("Table", "Rows in the source", "Rows in the target", "Changed", "Missing", "Only in the target",
             "Declared", "Seconds", "Verdict")  # fmt: skip
    head = tag(
        "tr",
        *(tag("th", name, scope="col", class_="number" if 0 < n < 8 else "") for n, name in enumerate(names)),
    )
    lines = [_line(number, table) for number, table in enumerate(tables, 1)]
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    wide = tag("div", table, class_="wide", role="region", aria_label="Tables", tabindex="0")
    return text(tag("h2", "Tables"), wide)


def _line(number: int, table: Facts) -> Html:
    least = "≥ " if table["at_least"] else ""
    counts = [f"{table[name]:,}" for name in ("source_rows", "target_rows")]
    counts += [f"{least if table[name] else ''}{table[name]:,}" for name in ("changed", "missing", "extra")]
    counts += [f"{table['declared']:,}", f"{table['seconds']:.2f}"]
    name = tag("a", table["table"], href=f"#table-{number}") if _has_more(table) else table["table"]
    cells = [tag("td", count.replace(",", "\u202f"), class_="number") for count in counts]
    return tag("tr", tag("th", name, scope="row"), *cells, tag("td", _word(table)))


def _word(table: Facts) -> Html:
    if table["differing"]:
        return tag("span", "✗ different", class_="bad")
    if table["unsound"] or not table["equal"]:
        return tag("span", "? not proven", class_="warn")
    return tag("span", "✓ equal", class_="good")


def _beside(facts: Facts) -> Iterator[Html]:
    """What is compared beside the rows, each only where there is something to say."""
    yield _list("Schema differences that nobody declared", facts["schema"].get("undeclared", []))
    yield _list("Structure", list(wording.structure(facts)))
    yield _list("Sequences", [wording.sequence(one) for one in facts["sequences"]])
    yield from _rules("Totals", facts["totals"])
    yield from _rules("Rules in SQL", facts.get("checks", []))
    yield from _rules("Looked at by name", facts.get("spots", []))
    yield _list("Could not be compared", facts["unsound"])
    yield _list("Left out on purpose", facts["not_compared"])
    yield _list("Declared differences that met nothing", facts["unmet_rules"])


def _list(title: str, lines: Sequence[str]) -> Html:
    if not lines:
        return Html()
    return text(tag("h2", title), tag("ul", *(tag("li", line) for line in lines)))


def _rules(title: str, rules: Sequence[Facts]) -> Iterator[Html]:
    if rules:
        yield tag("h2", title)
    for one in rules:
        equal = one["equal"]
        word = tag("span", "✓ the same" if equal else "✗ not the same", class_="good" if equal else "bad")
        said = [tag("p", one["reason"])] if one.get("reason") else []
        said += [tag("pre", one["sql"])] if one.get("sql") else []
        said += [tag("p", CUT, class_="muted")] if one.get("cut") else []
        yield tag(
            "details", tag("summary", word, ": ", wording.name(one)), *said, _answers(one), open=not equal
        )


def _answers(one: Facts) -> Html:
    """Both sides of each group, column or answer."""
    lines = [
        (_shown(group["group"]) or "all", group["source"], group["target"]) for group in one.get("groups", [])
    ]
    lines += [(name, *pair) for name, pair in one.get("columns", {}).items()]
    if "source" in one and not lines:
        lines = [("answer", one["source"], one["target"])]
    rows = [tag("tr", tag("th", name, scope="row"), _both(before, after)) for name, before, after in lines]
    head = _sides_head("Group" if one.get("groups") else "Answer" if "source" in one else "Column")
    return tag("table", head, tag("tbody", *rows)) if rows else Html()


def _both(before: Any, after: Any) -> Html:
    kind = "" if before == after else "bad"
    return text(*(tag("td", _shown(value), class_=kind) for value in (before, after)))


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    return " · ".join(map(_shown, value)) if isinstance(value, list | tuple) else str(value)


def _sides_head(what: str = "Column") -> Html:
    names = (what, "Source", "Target")
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))


def _details(facts: Facts) -> Iterator[Html]:
    """Of each table with anything to say: why, where, and its rows side by side."""
    for number, table in enumerate(facts["tables"], 1):
        if _has_more(table):
            yield tag("h2", table["table"], id=f"table-{number}")
            yield from _of_table(table)


def _has_more(table: Facts) -> bool:
    return bool(table["examples"]) or any(_lines(table))


def _lines(table: Facts) -> Iterator[str]:
    yield from table["unsound"]
    yield from (f"differs in {place}" for place in table["places"])
    yield from (f"{count:,} declared: {rule}" for rule, count in table["declared_by"].items())
    yield from (f"column {name} was left out on purpose" for name in table["not_compared"])
    yield from table["notes"]


def _of_table(table: Facts) -> Iterator[Html]:
    if lines := list(_lines(table)):
        yield tag("ul", *(tag("li", line) for line in lines))
    if table.get("by_column"):
        by = sorted(table["by_column"].items(), key=lambda pair: (-pair[1], pair[0]))
        yield tag(
            "p",
            "Changed rows that were looked at, by column: "
            + ", ".join(f"{name} {count:,}" for name, count in by),
        )
    for place, row in enumerate(table["examples"]):
        yield from _row(row, place < CLOSELY)
    if table["examples_cut"]:
        words = f"{table['differing']:,} rows differ; the first {len(table['examples']):,} are shown."
        yield tag("p", words, class_="muted")
    if table.get("repair"):
        summary = "SQL that would make these rows of the target those of the source; it is never run"
        yield tag("details", tag("summary", summary), tag("pre", "\n".join(table["repair"])))


def _row(row: Facts, closely: bool) -> Iterator[Html]:
    key = wording.key(row["key"], " ")
    yield tag(
        "h3", tag("code", key) if key else "A row without a key", f" {KINDS.get(row['kind'], row['kind'])}"
    )
    cells = [_cell(row, name, closely) for name in row["columns"]]
    yield tag("table", _sides_head(), tag("tbody", *cells), class_="row")


def _cell(row: Facts, name: str, closely: bool) -> Html:
    before, after = row["columns"][name]
    both = before is not None and after is not None
    how = marked if closely else marked_quickly
    two = how(before, after) if both else Marked(_alone(before, row), _alone(after, row))
    said: list[Html] = [
        tag("code", path, class_="path") for path in row.get("paths", {}).get(name, ())[:PATHS]
    ]
    if both and two.unseen and before != MASK:
        said.append(tag("span", "alike as far as it was kept: they differ further on", class_="path muted"))
    return tag(
        "tr", tag("th", name, *said, scope="row"),
        tag("td", _side("del", before, two.before, row["kind"] == "extra")),
        tag("td", _side("ins", after, two.after, row["kind"] == "missing")),
    )  # fmt: skip


def _alone(value: str | None, row: Facts) -> list[Part]:
    """Against NULL a value differs as a whole; where the other side has no row, nothing is marked."""
    return [Part(value, row["kind"] == "changed")] if value else []


def _side(name: str, value: str | None, parts: Sequence[Part], no_row: bool) -> Html:
    if no_row or not value:
        word = "no row" if no_row else "NULL" if value is None else "empty text"
        return tag("span", word, class_="null")
    return tag(name, *(tag("mark", part.text) if part.differs else part.text for part in parts))
