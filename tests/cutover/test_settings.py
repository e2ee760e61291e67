"""Settings come from the environment and are documented; wrong ones are reported before anything starts."""

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
from cutover.safe_settings import _redis
from integrations.artefacts.settings import read_settings
from integrations.errors import Problem

DOCUMENT = PROJECT / "docs" / "reference" / "settings.md"
#: Variables that other code reads; the same page documents them.
ARTEFACTS = {"CUTOVER_ARTEFACTS"} | {
    f"CUTOVER_ARTEFACTS_{name}"
    for name in ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "ADDRESSING", "CA")
}
ELSEWHERE = {"CUTOVER_CONTAINMENT", "CUTOVER_TIMES", "PYTHON", *ARTEFACTS}


def settings_read() -> set[str]:
    """Names of the variables that settings.py reads."""
    files = ("settings.py", "sign_in_settings.py")
    text = "".join((PROJECT / "cutover" / name).read_text() for name in files)
    return set(
        re.findall(r"""(?:env(?:\.\w+)?|_secret|yes_or_no|whole_number)\(\s*["']([A-Z_]+)["']""", text)
    )


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs manage.py with PATH and the given variables only."""
    argv = [sys.executable, "manage.py", *arguments]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)


@pytest.mark.reference
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


UNSAFE = {
    "SECRET_KEY": (
        "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz-012345",
        "SECRET_KEY can be guessed",
    ),
    "CUTOVER_SECRET_KEYS": (
        "A" * 43 + "=",
        "Key 1 of CUTOVER_SECRET_KEYS is no Fernet key, or no random one",
    ),
    "ALLOWED_HOSTS": ("panel.internal,*", "ALLOWED_HOSTS is *"),
    "DEBUG": ("true", "DEBUG is on"),
    "CUTOVER_HTTPS": ("false", "CUTOVER_HTTPS is off, and people reach the panel as panel.internal"),
    "REDIS_URL": ("redis://redis.internal:6379/0", "REDIS_URL has no password"),
    "DATABASE_OWNER_URL": ("postgresql://cutover:x@db.internal/cutover", "have the same role (cutover)"),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_setting_is_refused_with_its_remedy(name: str) -> None:
    value, words = UNSAFE[name]
    done = manage("check", **{**production_environment(), name: value})
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"CUTOVER_ARTEFACTS": "bucket/x"}, "CUTOVER_ARTEFACTS is no bucket"),
        ({"CUTOVER_ARTEFACTS_ENDPOINT": "http://s3.example.org"}, "_ENDPOINT is http:// beyond a private"),
        ({"CUTOVER_ARTEFACTS_ENDPOINT": "https://a:b@s3.example.org"}, "_ENDPOINT holds more than a host"),
        ({"CUTOVER_ARTEFACTS_ACCESS_KEY": "x"}, "CUTOVER_ARTEFACTS_SECRET_KEY is not set"),
        ({"CUTOVER_ARTEFACTS_ADDRESSING": "dns"}, "CUTOVER_ARTEFACTS_ADDRESSING is dns"),
        ({"CUTOVER_ARTEFACTS_CA": "/nowhere.pem"}, "CUTOVER_ARTEFACTS_CA names no file"),
    ],
)
def test_a_wrong_storage_of_artefacts_is_refused_with_its_remedy(values: dict[str, str], words: str) -> None:
    with pytest.raises(Problem, match=re.escape(words)) as refused:
        read_settings({"CUTOVER_ARTEFACTS": "s3://bucket", **values})
    assert refused.value.next


def test_a_wrong_storage_of_artefacts_stops_every_command() -> None:
    done = manage("check", **{**production_environment(), "CUTOVER_ARTEFACTS": "bucket"})
    assert done.returncode == 1
    assert "CUTOVER_ARTEFACTS is no bucket. The panel does not start with it" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_message_names_every_unsafe_setting() -> None:
    values = {name: value for name, (value, _) in UNSAFE.items()}
    argv = [sys.executable, "-c", "import cutover.asgi"]  # the web process, too
    env = {**production_environment(), **values}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)
    assert done.returncode == 1
    assert [words for _, words in UNSAFE.values() if words not in done.stderr] == []
    assert "REDIS_URL goes to redis.internal without TLS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("unix:///run/redis.sock", 0),
        ("redis://:0123456789abcdef@valkey:6379/0", 0),
        ("redis://:0123456789abcdef@10.0.0.7:6379/0", 0),
        ("rediss://:0123456789abcdef@redis.example.org:6379/0", 0),
        ("redis://:0123456789abcdef@8.8.8.8:6379/0", 1),
        ("redis://:short@valkey:6379/0", 1),
        ("redis://127.0.0.1:6379/0", 1),
    ],
)
def test_redis_over_tcp_needs_a_password_and_far_away_tls(url: str, problems: int) -> None:
    assert len(list(_redis(url))) == problems


def test_a_panel_on_its_own_servers_is_not_asked(tmp_path: Path) -> None:
    done = manage("check", CUTOVER_DATA=str(tmp_path), DEBUG="true", ALLOWED_HOSTS="*", SECRET_KEY="short")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("DATABASE_URL", "mysql://u:p@h/d", "postgresql://"),
        ("DATABASE_URL", "nonsense", "postgresql://"),
        ("DATABASE_OWNER_URL", "mysql://u:p@h/d", "postgresql://"),
        ("REDIS_URL", "http://redis:6379", "redis://"),
        ("CUTOVER_SECRET_KEYS", "short", "Fernet"),
        ("CUTOVER_DATA", "relative/folder", "an absolute path"),
        ("CUTOVER_HTTPS", "perhaps", "CUTOVER_HTTPS"),
        ("CUTOVER_PREFLIGHT_MINUTES", "-5", "CUTOVER_PREFLIGHT_MINUTES"),
        ("CUTOVER_DATABASE_POOL", "7", "Write 8 or more"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy_and_without_a_traceback(
    name: str, value: str, word: str
) -> None:
    done = manage("check", **{**production_environment(), name: value})
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_panel_without_settings_creates_its_keys_once(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_an_address_torn_by_its_password_is_refused_without_any_part_of_it(name: str) -> None:
    scheme = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis"}[name]
    torn = f"{scheme}://keeper-1:first-half#second-half@db-host-7/1"
    done = manage("check", **{**production_environment(), name: torn})
    assert done.returncode == 1
    assert f"{name} cannot be read" in done.stderr
    for part in ("keeper-1", "first-half", "second-half", "db-host-7", "Traceback"):
        assert part not in done.stderr
