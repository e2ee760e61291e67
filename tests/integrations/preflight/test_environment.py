"""Variables, environment files and folders of a runbook are looked at before the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.preflight import CheckResult, Verdict
from tests.integrations.preflight.scopes import planned, run_check, scope_of

LEDGER = planned(
    ledger=(
        "secrets.ledger",
        {"new": "env", "names": ["API_URL", "STRIPE_KEY"], "rules": {"STRIPE_KEY": "stripe_key"}},
    )
)


def variables(settings: dict[str, Any], items: Any = None, **environ: str) -> dict[str, CheckResult]:
    return run_check("environment.variables", scope_of({"it": settings}, environ, items=items or {}))


@pytest.mark.parametrize(
    ("given", "environ", "verdict", "named"),
    [
        ({"kind": "http", "url": "${URL}"}, {"URL": "https://a.test"}, Verdict.GREEN, "1 settings"),
        ({"kind": "http", "url": "${URL}"}, {}, Verdict.RED, "URL is not set"),
        ({"kind": "http", "url": "${URL:-}"}, {}, Verdict.RED, "url: is empty"),
        ({"kind": "login", "email": "a@b.c", "password": "changeme"}, {}, Verdict.RED, "placeholder"),
        ({"kind": "postgres", "url": "postgresql://u:changeme@h/d"}, {}, Verdict.RED, "placeholder"),
        (
            {"kind": "http", "url": "https://a.test", "marker": {"text": "${T}"}},
            {},
            Verdict.RED,
            "T is not set",
        ),
        # of another driver
        ({"kind": "dns", "driver": "rfc2136", "zone": "a.test", "zone_id": "${ID}"}, {}, Verdict.GREEN, ""),
        (
            {"kind": "dns", "driver": "cloudflare", "zone": "a.test", "zone_id": "${ID}"},
            {},
            Verdict.RED,
            "ID",
        ),
        ({"kind": "dns", "driver": "${DRIVER}", "zone": "a.test"}, {}, Verdict.RED, "DRIVER"),
        ({"kind": "dns", "driver": "other", "zone": "a.test"}, {}, Verdict.RED, "“other”"),
    ],
)
def test_the_settings_of_a_system_need_their_variables(
    given: dict[str, Any], environ: dict[str, str], verdict: Verdict, named: str
) -> None:
    found = variables(given, **environ)["it: variables"]
    assert found.verdict == verdict
    assert named in found.seen
    assert "changeme" not in found.seen


def test_a_parameter_of_an_item_needs_its_variable() -> None:
    items = planned(switch=("dns.switch", {"to": ["${NEW}"]}), other=("dns.switch", {"to": ["${OLD:-x}"]}))
    found = variables({"kind": "http", "url": "https://a.test"}, items)
    assert found["switch: variables"].verdict == Verdict.RED
    assert found["switch: variables"].items == ("switch",)
    assert "other: variables" not in found


def env(folder: Path, text: str, evidence: Any = None) -> dict[str, CheckResult]:
    (folder / "env").write_text(text)
    system = {"kind": "env_file", "path": str(folder / "env")}
    return run_check("environment.files", scope_of({"env": system}, items=LEDGER, evidence=evidence or {}))


@pytest.mark.parametrize(
    ("text", "verdict", "named"),
    [
        ("A=1\n", Verdict.GREEN, "1 settings"),
        ("A='1\nB=2\n", Verdict.RED, "no setting: 1"),
        ("A=pass#word\n", Verdict.RED, "take these lines differently: line 1 (A)"),
        ("A=changeme\n", Verdict.AMBER, "Placeholders instead of values: A"),
        ("A=1\nA=2\n", Verdict.AMBER, "A in line 1"),
    ],
)
def test_an_environment_file_is_read(tmp_path: Path, text: str, verdict: Verdict, named: str) -> None:
    found = env(tmp_path, text)["env: file"]
    assert found.verdict == verdict
    assert named in found.seen


def test_a_file_that_is_not_there_is_red(tmp_path: Path) -> None:
    system = {"kind": "env_file", "path": str(tmp_path / "none")}
    assert run_check("environment.files", scope_of({"env": system}))["env: file"].verdict == Verdict.RED


def test_what_an_item_expects_of_the_file_is_amber_before_it_and_red_after_it(tmp_path: Path) -> None:
    subject = "env: what ledger expects"
    assert env(tmp_path, "API_URL=x\nSTRIPE_KEY=sk_test_1\n")[subject].verdict == Verdict.GREEN
    lacking = env(tmp_path, "API_URL=x\n")[subject]
    assert lacking.verdict == Verdict.AMBER
    assert "STRIPE_KEY is missing" in lacking.seen
    assert env(tmp_path, "API_URL=x\n", {"ledger": {}})[subject].verdict == Verdict.RED
    assert "live key" in env(tmp_path, "API_URL=x\nSTRIPE_KEY=sk_live_1\n")[subject].seen


def folder_of(path: Path, items: Any = None, **evidence: Any) -> CheckResult:
    systems = {"there": {"kind": "folder", "path": str(path)}}
    return run_check("files.folders", scope_of(systems, items=items or {}, evidence=evidence))[
        "there: folder"
    ]


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    assert folder_of(tmp_path).verdict == Verdict.GREEN
    assert folder_of(tmp_path / "none").verdict == Verdict.RED
    (tmp_path / "file").touch()
    assert "no folder" in folder_of(tmp_path / "file").seen


def test_rules_of_monitoring_have_to_be_readable(tmp_path: Path) -> None:
    items = planned(watch=("monitoring.check", {"folder": "there"}))
    assert folder_of(tmp_path, items).verdict == Verdict.RED, "no file"
    (tmp_path / "rules.yml").write_text("groups: []\n")
    assert "1 files" in folder_of(tmp_path, items).seen
    (tmp_path / "rules.yml").write_text("groups: [\n")
    assert folder_of(tmp_path, items).verdict == Verdict.RED


def test_a_place_for_backups_needs_room_for_one(tmp_path: Path) -> None:
    items = planned(keep=("snapshots.retain", {"backup": "take", "place": "there"}))
    assert folder_of(tmp_path, items).verdict == Verdict.GREEN
    assert folder_of(tmp_path, items, take={"backup": {"bytes": 1000}}).verdict == Verdict.GREEN
    full = folder_of(tmp_path, items, take={"backup": {"bytes": 10**18}})
    assert full.verdict == Verdict.RED
    assert "are free" in full.seen
