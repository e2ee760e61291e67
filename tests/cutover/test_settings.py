"""Settings: all from the environment and documented; wrong ones told in words before anything starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from cutover.data_folder import PROJECT
from cutover.deploy_check import production_environment

DOCUMENT = PROJECT / "docs" / "reference" / "settings.md"
#: Read outside settings.py, and documented with the others.
ELSEWHERE = {"CUTOVER_TIMES", "PYTHON"}


def settings_read() -> set[str]:
    """Names that settings.py asks the environment for."""
    text = (PROJECT / "cutover" / "settings.py").read_text()
    return set(re.findall(r"""(?:env(?:\.\w+)?|_secret|_yes_or_no)\(\s*["']([A-Z_]+)["']""", text))


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """manage.py in an environment of nothing but what is given."""
    argv = [sys.executable, "manage.py", *arguments]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)


def test_the_reference_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text(), re.M))
    assert listed == settings_read() | ELSEWHERE


def test_production_settings_pass_the_deploy_check_without_a_warning() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **production_environment())
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in production_environment().items() if key != name}


@pytest.mark.parametrize("name", ["SECRET_KEY", "CUTOVER_SECRET_KEYS", "ALLOWED_HOSTS"])
def test_a_missing_setting_is_named_with_its_remedy_and_without_a_traceback(name: str) -> None:
    done = manage("check", **without(name))
    assert done.returncode == 1
    assert f"{name} is not set" in done.stderr
    assert "docs/reference/settings.md" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("DATABASE_URL", "mysql://u:p@h/d", "postgresql://"),
        ("DATABASE_URL", "nonsense", "postgresql://"),
        ("REDIS_URL", "http://redis:6379", "redis://"),
        ("CUTOVER_SECRET_KEYS", "short", "Fernet"),
        ("CUTOVER_DATA", "relative/folder", "from /"),
        ("CUTOVER_HTTPS", "perhaps", "CUTOVER_HTTPS"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy_and_without_a_traceback(
    name: str, value: str, word: str
) -> None:
    done = manage("check", **{**production_environment(), name: value})
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_panel_with_no_settings_makes_its_own_keys_once(tmp_path: Path) -> None:
    code = "from django.conf import settings as s; print(s.SECRET_KEY, s.CUTOVER_SECRET_KEYS, s.STANDALONE)"
    argv = [sys.executable, "-c", code]
    env = {
        "PATH": os.environ["PATH"],
        "CUTOVER_DATA": str(tmp_path / "d"),
        "DJANGO_SETTINGS_MODULE": "cutover.settings",
    }
    said = [subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env).stdout for _ in "12"]
    assert said[0] == said[1]
    key, fernet, standalone = said[0].split()
    assert len(key) >= 50
    assert standalone == "True"
    Fernet(fernet)
    kept = tmp_path / "d" / "keys" / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
