"""The environment file is kept encrypted and exact; no value is ever shown."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import ActionParams, Context, ProbeStatus, registry
from integrations.credentials import VARIABLE, Credentials, generate_key
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

ACTION = registry()["env.export"]
VALUES = {name: secrets.token_hex(12) for name in ("DATABASE_URL", "SECRET_KEY", "QUOTED", "EXPORTED", "RAW")}
TEXT = f"""\ufeff# the environment
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
    monkeypatch.setenv(VARIABLE, generate_key())
    file = tmp_path / ".env"

    def bind_params(data: bytes) -> ActionParams:
        file.write_bytes(data)
        context = new_context({"environment": {"kind": "env_file", "path": str(file)}})
        return ACTION.bind({"file": "environment"}, context)

    return bind_params


def test_the_exact_file_can_be_decrypted_and_values_are_shown_nowhere(bind: Any) -> None:
    params, report = bind(TEXT.encode()), Recorder()
    preview = ACTION.preview(params)
    outcome = ACTION.run(params, report)
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
    shown = [report.text, json.dumps(report.facts), str(preview), outcome.summary, str(ACTION.before(params))]
    shown.append(path.read_bytes().decode())
    for value in VALUES.values():
        assert not any(value in text for text in shown)
        assert any(value in secret for secret in report.secrets)


@pytest.mark.parametrize(
    "rest", ["ZkF7yQ2mTb8LxVnC4wRz", "ZkF7yQ2mTb8LxVnC4wRz==", "ZkF7yQ2mTb8LxVnC4wRz=", "a+b/c="]
)
def test_the_second_line_of_a_wrapped_secret_is_not_taken_for_a_name(bind: Any, rest: str) -> None:
    params, report = bind(f"SECRET_KEY=Abcdefgh\n{rest}\n".encode()), Recorder()
    preview = ACTION.preview(params)
    with pytest.raises(Problem, match="no setting: line 2") as refused:
        ACTION.run(params, report)
    shown = f"{preview}{report.text}{refused.value}{refused.value.means}{refused.value.next}"
    assert rest.rstrip("=") not in shown


def test_the_file_is_read_without_a_shell_or_expansion(bind: Any) -> None:
    params, report = bind(TEXT.encode()), Recorder()
    ACTION.run(params, report)
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
    params = bind(f"A=1\n\n# fine\nB='{value}\nC=2\n={value}\n".encode())
    with pytest.raises(Problem, match="line 4, 6") as caught:
        ACTION.run(params, Recorder())
    assert value not in str(caught.value)
    assert not (params.context.folder / "exports").exists()
    assert "4, 6. The export would be refused" in ACTION.preview(params).warnings[0]


@pytest.mark.parametrize("data", [b"A=\xff\xfe\n", b"A=\0\n", b"A=" + b"x" * 1_000_001])
def test_a_file_that_is_not_text_is_refused(bind: Any, data: bytes) -> None:
    with pytest.raises(Problem):
        ACTION.run(bind(data), Recorder())


def test_a_missing_file_and_a_missing_key_are_refused(bind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params = bind(b"A=1\n")
    Path(params.file["path"]).unlink()
    with pytest.raises(Problem, match="No such file"):
        ACTION.run(params, Recorder())
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(Problem, match=VARIABLE):
        ACTION.run(bind(b"A=1\n"), Recorder())


def test_the_probe_reads_the_copy(bind: Any) -> None:
    params = bind(b"A=1\n")
    before = ACTION.before(params)
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE
    ACTION.run(params, Recorder())
    assert ACTION.probe(params, before).status is ProbeStatus.DONE
    Path(before["path"]).write_bytes(b"damaged")
    assert ACTION.probe(params, before).status is ProbeStatus.PARTIAL


def test_a_line_with_two_readings_is_refused_unless_its_reader_is_named(bind: Any) -> None:
    value = secrets.token_hex(10)
    data = f"A=1\nSECRET_KEY={value}#{value}\n".encode()
    params, report = bind(data), Recorder()
    with pytest.raises(Problem, match=r"line 2 \(SECRET_KEY\)") as caught:
        ACTION.run(params, report)
    assert value not in f"{caught.value}{ACTION.preview(params)}"
    params.file.settings["reader"] = "python"
    assert ACTION.run(params, report).ok
    assert f"{value}#{value}" in report.secrets
    assert "SECRET_KEY (line 2) has another value for other readers than python" in report.text
    params.file.settings["reader"] = "perl"
    with pytest.raises(Problem, match="Write python or node"):
        ACTION.run(params, Recorder())
