"""The environment file is kept encrypted and exact; no value is ever shown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.credentials import VARIABLE, Credentials, new_key
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

ACTION = registry()["env.export"]
VALUES = {name: secrets.token_hex(12) for name in ("DATABASE_URL", "SECRET_KEY", "QUOTED", "EXPORTED", "RAW")}
TEXT = f"""\ufeff# the estate
DATABASE_URL=postgresql://app:{VALUES["DATABASE_URL"]}@db/x
SECRET_KEY='{VALUES["SECRET_KEY"]}$(touch /tmp/never)'
QUOTED="{VALUES["QUOTED"]}
second line ${{SECRET_KEY}}" # a remark
export EXPORTED={VALUES["EXPORTED"]}
RAW=a-first-value
EMPTY=
NAME_ONLY
RAW={VALUES["RAW"]}\r
"""


@pytest.fixture
def bind(tmp_path: Path, new_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(VARIABLE, new_key())
    file = tmp_path / ".env"

    def bound(data: bytes) -> Values:
        file.write_bytes(data)
        context = new_context({"estate": {"kind": "env_file", "path": str(file)}})
        return ACTION.bind({"file": "estate"}, context)

    return bound


def test_the_exact_file_comes_back_and_values_are_nowhere(bind: Any) -> None:
    values, report = bind(TEXT.encode()), Recorder()
    preview = ACTION.preview(values)
    outcome = ACTION.run(values, report)
    assert outcome.ok
    facts = report.facts["export"]
    path = Path(facts["path"])
    assert Credentials().decrypt(path.read_bytes()) == TEXT.encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(facts["names"]) == sorted([*VALUES, "EMPTY", "NAME_ONLY"])
    assert facts["count"] == 7
    assert facts["fingerprints"]["EMPTY"] == "empty"
    assert facts["overridden"] == {"RAW": [7]}
    shown = [report.text, json.dumps(report.facts), str(preview), outcome.summary, str(ACTION.before(values))]
    shown.append(path.read_bytes().decode())
    for value in VALUES.values():
        assert not any(value in text for text in shown)
        assert any(value in secret for secret in report.secrets)


def test_nothing_is_run_and_no_variable_is_filled_in(bind: Any) -> None:
    values, report = bind(TEXT.encode()), Recorder()
    ACTION.run(values, report)
    assert not Path("/tmp/never").exists()
    assert any(secret.endswith("${SECRET_KEY}") for secret in report.secrets)


def test_a_fingerprint_tells_which_value_changed(bind: Any) -> None:
    first, second = Recorder(), Recorder()
    ACTION.run(bind(b"A=one-value\nB=two-value\n"), first)
    ACTION.run(bind(b"A=one-value\nB=new-value\n"), second)
    one, two = first.facts["export"], second.facts["export"]
    assert one["path"] != two["path"]
    assert one["fingerprints"]["A"] == two["fingerprints"]["A"]
    assert one["fingerprints"]["B"] != two["fingerprints"]["B"]


def test_malformed_lines_are_named_by_number_and_not_repeated(bind: Any) -> None:
    value = secrets.token_hex(10)
    values = bind(f"A=1\n\n# fine\nB='{value}\nC=2\n={value}\n".encode())
    with pytest.raises(Problem, match="line 4, 6") as caught:
        ACTION.run(values, Recorder())
    assert value not in str(caught.value)
    assert not (values.context.folder / "exports").exists()
    assert "line 4, 6" in ACTION.preview(values).warnings[0]


@pytest.mark.parametrize("data", [b"A=\xff\xfe\n", b"A=\0\n", b"A=" + b"x" * 1_000_001])
def test_what_is_no_text_is_refused(bind: Any, data: bytes) -> None:
    with pytest.raises(Problem):
        ACTION.run(bind(data), Recorder())


def test_a_missing_file_and_a_missing_key_are_said(bind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = bind(b"A=1\n")
    Path(values.file["path"]).unlink()
    with pytest.raises(Problem, match="No such file"):
        ACTION.run(values, Recorder())
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(Problem, match=VARIABLE):
        ACTION.run(bind(b"A=1\n"), Recorder())


def test_the_probe_reads_the_copy(bind: Any) -> None:
    values = bind(b"A=1\n")
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen is Seen.NOT_DONE
    ACTION.run(values, Recorder())
    assert ACTION.probe(values, before).seen is Seen.DONE
    Path(before["path"]).write_bytes(b"damaged")
    assert ACTION.probe(values, before).seen is Seen.PARTIAL
