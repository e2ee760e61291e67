"""Every output says the same, whatever names and values hold: each is read with a parser of others."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from markdown_it import MarkdownIt

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from integrations.parity.report.formats import FORMATS
from tests.integrations.parity.tool.command import Tool

HOSTILE = "|`<b>&\"';=1+[x](y)\x1b[0m\n\u202e]]>"
QUOTED = HOSTILE.replace('"', '""')


class Texts(HTMLParser):
    """All text of a page, and the names of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read_markdown(text: str) -> list[list[str]]:
    """The cells of all rows of all tables, as a reader sees them."""
    rows: list[list[str]] = []
    in_cell = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        in_cell = token.type in ("th_open", "td_open") or (in_cell and token.type == "inline")
        if token.type == "inline" and in_cell:
            assert all(child.type in ("text", "text_special") for child in token.children or []), (
                token.content
            )
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


@pytest.fixture
def files(tool: Tool, tmp_path: Path) -> dict[str, str]:
    """The files of all formats of one comparison that has something of each kind."""
    tool.pair.both(
        f'create table "{QUOTED}" (id text primary key, v text)', "create table equal (id int primary key)",
        "create table old (id int primary key, v text, w int)", "create table left_out (id int)",
        "create table odd (id int primary key, v int)", "create view one as select 1 as one",
    )  # fmt: skip
    tool.pair.both(
        f"insert into \"{QUOTED}\" values ('{HOSTILE.replace(chr(39), chr(39) * 2)}', 'a'), ('n', 'NULL')"
    )
    tool.pair.both("insert into old values (1, 'A', 1)")
    tool.pair.target.run(
        f"update \"{QUOTED}\" set v = '{HOSTILE.replace(chr(39), chr(39) * 2)}' where v = 'a'",
        f"update \"{QUOTED}\" set v = null where v = 'NULL'",
        "alter table old rename to new", "alter table odd alter v type date using null", "drop view one",
    )  # fmt: skip
    rules = tmp_path / "declared.yaml"
    rules.write_text(yaml.safe_dump({"declared": [
        {"kind": "renamed_table", "table": "old", "to": "new"},
        {"kind": "as", "table": "old", "column": "v", "source": "lower(v)", "target": "lower(v)"},
        {"kind": "not_compared", "table": "old", "column": "w"},
    ], "announced": [{"kind": "views", "table": "(database)", "name": "one"}]}))  # fmt: skip
    outputs = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    ended = tool.run("--declared", str(rules), "--exclude", "left*", "--where", "equal=id > 0", *outputs)
    assert (ended.code, ended.out[:10]) == (DIFFERENT, "Different:"), ended
    return {name: (tmp_path / name).read_bytes().decode() for name in FORMATS}


#: What every output has to say: the conditions, and what was left out, announced or not compared.
SAID = (
    "old is new in the target",
    "equal: only the rows where id > 0",
    "old.v through SQL: source lower(v); target lower(v)",
    "left_out",
    "have no common form",
    "views one",
    "(announced)",
)


def test_each_output_is_read_by_a_parser_and_says_what_the_verdict_leaves_out(files: dict[str, str]) -> None:
    shown: dict[str, str] = {"text": files["text"]}
    shown["json"] = json.dumps(json.loads(files["json"]), ensure_ascii=False)
    lines = [json.loads(line) for line in files["jsonl"].splitlines()]
    assert [line["type"] for line in lines] == ["table"] * 4 + ["result"]
    shown["jsonl"] = json.dumps(lines, ensure_ascii=False)
    rows = list(csv.DictReader(io.StringIO(files["csv"], newline="")))
    shown["csv"] = "\n".join(row["text"] for row in rows)
    shown["markdown"] = "\n".join(cell for row in read_markdown(files["markdown"]) for cell in row)
    suite = ElementTree.fromstring(files["junit"])  # our own file
    shown["junit"] = "\n".join([*suite.itertext(), *(v for e in suite.iter() for v in e.attrib.values())])
    page = Texts()
    page.feed(files["html"])
    shown["html"] = "\n".join(page.texts)
    assert not {"b", "script"} & page.tags
    for name, text in shown.items():
        for said in SAID:
            # JSON holds an announced difference as a value.
            word = '"expected": true' if said == "(announced)" and name.startswith("json") else said
            word = '"name": "one"' if said == "views one" and name.startswith("json") else word
            assert word in text, (name, word)


def test_values_and_names_come_back_as_they_were(files: dict[str, str]) -> None:
    shown = HOSTILE.replace("\x1b", r"\x1b").replace("\n", r"\n").replace("\u202e", r"\u202e")
    rows = list(csv.DictReader(io.StringIO(files["csv"], newline="")))
    changed = {row["source"]: row for row in rows if row["entry"] == "changed"}
    assert json.loads(changed["a"]["key"]) == {"id": HOSTILE}
    assert changed["a"]["target"] == HOSTILE
    assert (changed["NULL"]["source"], changed["NULL"]["target"]) == ("NULL", r"\N")
    cells = read_markdown(files["markdown"])
    assert [row[3:] for row in cells if row[:3] == [f"id={shown}", "changed", "v"]] == [
        ["'a'", repr(HOSTILE)]
    ]
    facts = json.loads(files["json"])
    (table,) = [table for table in facts["tables"] if table["differing"]]
    assert ["a", HOSTILE] in [row["columns"]["v"] for row in table["examples"]]
    page = Texts()
    page.feed(files["html"])
    assert any(HOSTILE[:8] in text for text in page.texts)


def test_a_build_server_sees_what_differs_and_what_could_not_be_compared(files: dict[str, str]) -> None:
    suite = ElementTree.fromstring(files["junit"])  # our own file
    cases = {case.get("name", ""): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases["odd"] == ["error"]
    assert cases["equal"] == []
    assert "failure" not in cases["old"] + cases["equal"]
    assert "failure" in cases["verdict"]
    assert cases["left_out"] == ["skipped"]
    (hostile,) = [name for name in cases if name.startswith('"|`<b>')]
    assert cases[hostile][0] == "failure"
    counted = {tag: sum(one.count(tag) for one in cases.values()) for tag in ("failure", "error", "skipped")}
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == tuple(
        map(str, counted.values())
    )
    assert suite.get("tests") == str(len(cases))


def test_a_table_that_was_not_reached_never_passes(tool: Tool, tmp_path: Path) -> None:
    tool.pair.both("create table a (id int primary key)", "create table b (id int primary key)")
    tool.pair.target.run("insert into a values (1)")
    file = tmp_path / "junit.xml"
    assert tool.run("--fail-fast", "--output", f"junit={file}").code == DIFFERENT
    suite = ElementTree.parse(file).getroot()  # our own file
    tags = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert (tags["a"], tags["b"]) == (["failure"], ["error"])
    tool.pair.target.run("delete from a")
    assert tool.run("--output", f"junit={file}").code == EQUAL
    suite = ElementTree.parse(file).getroot()  # our own file
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_json_lines_come_while_the_comparison_runs(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was found before a fault is in the file, and the missing last line says that it is not all."""
    tool.pair.both("create table a (id int primary key)", "create table b (id int primary key)")
    file = tmp_path / "lines"

    def fails(*_: object) -> None:
        raise SystemError("a fault of our own")

    monkeypatch.setattr("integrations.parity.__main__.build_facts", fails)
    with pytest.raises(SystemError):
        tool.run("--output", f"jsonl={file}")
    assert [json.loads(line)["table"] for line in file.read_text().splitlines()] == ["a", "b"]


def test_personal_values_are_in_no_output(tool: Tool, tmp_path: Path) -> None:
    tool.pair.both("create table t (id int primary key, mail text)", "insert into t values (1, 'canary-1')")
    tool.pair.target.run("update t set mail = 'canary-2'")
    outputs = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    assert tool.run("--personal", "t.mail", *outputs).code == DIFFERENT
    for name in FORMATS:
        assert "canary" not in (tmp_path / name).read_text(), name
    assert tool.run(*outputs).code == DIFFERENT
    for name in FORMATS:
        assert "canary" in (tmp_path / name).read_text(), name


def test_one_format_is_printed_and_a_full_disk_hides_no_other(tool: Tool, tmp_path: Path) -> None:
    tool.pair.both("create table t (id int primary key)")
    assert json.loads(tool.run("--output", "json").out)["equal"] is True
    assert tool.run("--output", "json", "--output", "csv").code == COULD_NOT
    assert tool.run("--output", "csv=/x/y").code == COULD_NOT
    assert tool.run("--output", "xml").code == COULD_NOT
    assert (
        tool.run("--output", f"csv={tmp_path / 'a'}", "--output", f"json={tmp_path / 'a'}").code == COULD_NOT
    )
    good = tmp_path / "good.md"
    ended = tool.run("--output", "csv=/dev/full", "--output", f"markdown={good}")
    assert (ended.code, "Equal: " in ended.out, "Equal" in good.read_text()) == (COULD_NOT, True, True)
    assert "No space left" in ended.err
