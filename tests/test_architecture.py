"""The house as it was drawn: which way imports run, that nothing lacks its test, that locks hold."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from cutover.data_folder import PROJECT
from integrations.actions import registry

OURS = ("cutover", "checklists", "integrations")


def tracked(*patterns: str) -> list[Path]:
    """Files of the project, without what belongs to packages or was made by running it."""
    skipped = {".venv", "node_modules", "vendor", "var", "__pycache__", ".git"}
    found = {path for pattern in patterns for path in PROJECT.glob(pattern) if path.is_file()}
    return sorted(path for path in found if not skipped & set(path.relative_to(PROJECT).parts))


def python_files() -> list[Path]:
    """Our own modules, without migrations."""
    return [p for name in OURS for p in tracked(f"{name}/**/*.py") if "migrations" not in p.parts]


@pytest.mark.parametrize("part", ["format", "lint", "types", "imports", "migrations", "deploy"])
def test_the_house_is_clean(part: str) -> None:
    done = subprocess.run(
        [str(PROJECT / "panel"), "check", part], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_has_a_file_of_its_name_and_a_test(only_own_actions: None) -> None:
    for key in registry():
        name = key.replace(".", "_")
        assert (PROJECT / "integrations" / "actions" / f"{name}.py").is_file(), key
        assert (PROJECT / "tests" / "integrations" / "actions" / f"test_{name}.py").is_file(), key


def test_every_command_is_named_in_a_test() -> None:
    commands = [name for name, app in get_commands().items() if app == "checklists"]
    assert commands
    own = Path(__file__).name
    texts = [p.read_text() for p in tracked("tests/**/*.py") if p.name != own]
    for name in commands:
        named = re.compile(rf"""["']{name}["']|commands\.{name}\b""")
        assert any(named.search(text) for text in texts), f"no test runs manage.py {name}"


def test_every_command_says_what_it_is_for() -> None:
    for name, app in get_commands().items():
        if app == "checklists":
            assert load_command_class(app, name).help, name


def test_every_model_can_be_named_to_a_person() -> None:
    for model in apps.get_app_config("checklists").get_models():
        assert "__str__" in vars(model), model


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    for path in python_files():
        text = path.read_text().removeprefix("#!/usr/bin/env python3\n").strip()
        assert not text or text.startswith('"""'), path


def test_files_stay_short() -> None:
    long = {
        str(p.relative_to(PROJECT)): n for p in python_files() if (n := len(p.read_text().splitlines())) > 300
    }
    assert not long


def test_there_is_no_module_for_things_without_a_name() -> None:
    nameless = {"utils", "helpers", "common", "manager", "misc"}
    assert not [p for p in python_files() if nameless & {p.stem, p.parent.name}]


def test_no_address_of_a_registry_is_committed() -> None:
    """pip and npm know theirs by themselves: locks must work wherever the network lets one through."""
    address = re.compile(
        r"https?://[^\s\"']*(?:pypi|pythonhosted|registry|npmjs|artifact|nexus)[^\s\"']*", re.I
    )
    files = tracked(
        "*", "*/*.json", "**/*.json", "**/*.toml", "**/*.txt", "**/*.yaml", "**/.npmrc", "docs/**/*.md"
    )
    for path in files:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = address.search(text)
        assert found is None, f"{path.relative_to(PROJECT)}: {found and found.group()}"


def test_the_npm_lock_holds_hashes_and_no_addresses() -> None:
    lock = json.loads((PROJECT / "integrations/sandbox/prisma/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [
        name for name, entry in packages.items() if "integrity" not in entry and not entry.get("link")
    ]


def pins(name: str) -> dict[str, str]:
    """Package → pinned line, as the lock file has it."""
    lines = (PROJECT / name).read_text().splitlines()
    return {line.split("==")[0]: line.rstrip(" \\") for line in lines if re.match(r"[a-z0-9]", line, re.I)}


def test_what_tests_install_contains_what_the_panel_installs() -> None:
    """`./panel run` after `./panel test` installs nothing again: it relies on this."""
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert run
    assert {name: dev.get(name) for name in run} == run


def test_every_pinned_package_has_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", (PROJECT / name).read_text().strip())
        assert all("--hash=sha256:" in block for block in blocks), name


def test_the_front_door_is_posix_shell() -> None:
    for script in ("panel", ".ci/run"):
        path = PROJECT / script
        assert path.read_text().startswith("#!/bin/sh\n")
        assert path.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(path)], check=True)
    assert "./panel test" in (PROJECT / ".ci/run").read_text()


def test_pages_see_only_the_registry_of_actions() -> None:
    """Of `integrations` views, forms and templatetags may know the actions and their base, and errors."""
    allowed = re.compile(r"integrations\.(actions|errors)")
    for path in tracked("checklists/views/*.py", "checklists/forms/*.py", "checklists/templatetags/*.py"):
        for line in path.read_text().splitlines():
            if match := re.match(r"\s*(?:from|import) (integrations[\w.]*)", line):
                assert allowed.match(match[1]), f"{path.relative_to(PROJECT)}: {line.strip()}"


def test_integrations_know_no_models_no_celery_and_no_web_request() -> None:
    banned = ("checklists", "cutover", "celery", "django.http", "django.db", "django.conf")
    for path in tracked("integrations/**/*.py"):
        for line in path.read_text().splitlines():
            if match := re.match(r"\s*(?:from|import) ([\w.]+)", line):
                assert not match[1].startswith(banned), f"{path.relative_to(PROJECT)}: {line.strip()}"
