"""A source of another kind on the command line: the same verdicts, outputs and refusals."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL, main
from tests.integrations.parity.conftest import Pair


@pytest.fixture
def file(tmp_path: Path, pair: Pair) -> str:
    place = tmp_path / "shop.sqlite"
    with sqlite3.connect(place) as connection:
        connection.execute("create table t (id integer primary key, email text)")
        connection.execute("insert into t values (1, 'ada@example.org')")
    connection.close()
    pair.target.run(
        "create table t (id int primary key, email text)", "insert into t values (1, 'eve@example.org')"
    )
    return f"sqlite:///{place}"


def test_findings_come_in_every_form(
    file: str, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", file)
    page = tmp_path / "page.html"
    assert main(["env:OLD", pair.target.url, "--html", str(page)]) == DIFFERENT
    assert "t [id=1] changed: email: 'ada@example.org' → 'eve@example.org'" in capsys.readouterr().out
    assert "<mark>eve</mark>@example.org" in page.read_text()
    assert main([file, pair.target.url, "--json", "--personal", "t.email"]) == DIFFERENT
    printed = capsys.readouterr().out
    assert (json.loads(printed)["tables"][0]["changed"], "ada@" in printed) == (1, False)
    pair.target.run("update t set email = 'ada@example.org'")
    assert main([file, pair.target.url]) == EQUAL
    assert "present, not compared" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--keep-pass", "--recheck", "--resume"])
def test_what_only_postgresql_has_is_refused(
    file: str, pair: Pair, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([file, pair.target.url, option, str(tmp_path / "pass.json")]) == COULD_NOT
    assert "two PostgreSQL databases only" in capsys.readouterr().err


def test_only_the_source_may_be_of_another_kind(
    file: str, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([pair.target.url, file]) == COULD_NOT
    assert main([file, "--take", str(tmp_path / "before.json")]) == COULD_NOT
    assert capsys.readouterr().err.count("can be only the source") == 2
