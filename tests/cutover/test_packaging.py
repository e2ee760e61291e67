"""Dockerfile and compose.yaml name only what exists. Tests check this without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from cutover.data_folder import PROJECT
from cutover.processes import SERVICES
from tests.cutover.test_settings import settings_read

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
PANEL = {name: s for name, s in COMPOSE["services"].items() if s.get("image") == "cutover"}
#: Variables of Python and Docker themselves, not of the panel.
FOREIGN_VARIABLES = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def instructions(name: str) -> list[str]:
    """The arguments of every instruction with this name, continuation lines joined."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, re.M)


def check_command(argv: list[str]) -> None:
    """Fails when the program, the module, the management command or an option of it does not exist."""
    if argv[:2] == ["python", "manage.py"]:
        name, options = argv[2], argv[3:]
        assert name in get_commands(), name
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(options)
    elif argv[:2] == ["python", "-m"]:
        assert find_spec(argv[2]) is not None, argv
    elif argv[0] == "uvicorn":
        from uvicorn.main import main as uvicorn

        assert uvicorn.make_context("uvicorn", list(argv[1:])).params["app"] == "cutover.asgi:application"
    else:
        raise AssertionError(f"unknown program: {argv}")


def test_the_image_serves_the_pages_and_is_not_root() -> None:
    check_command(json.loads(instructions("CMD")[-1]))
    assert instructions("USER")[-1] == "cutover"
    assert "useradd" in DOCKERFILE
    after = DOCKERFILE[DOCKERFILE.rindex("USER ") :]
    assert "RUN " not in after


def test_the_image_installs_the_locked_packages_with_their_hashes() -> None:
    installing = next(run for run in instructions("RUN") if "pip install" in run)
    assert "--require-hashes" in installing
    assert "requirements.txt" in installing
    assert (PROJECT / "requirements.txt").is_file()


def test_every_command_of_the_image_build_exists() -> None:
    for run in instructions("RUN"):
        for part in run.split("&&"):
            words = [word for word in shlex.split(part) if not re.match(r"[A-Z_]+=", word)]
            if words[:2] == ["python", "manage.py"]:
                check_command(words)


def test_the_image_copies_only_existing_files() -> None:
    for copy in instructions("COPY"):
        sources = [word for word in shlex.split(copy) if not word.startswith("--")][:-1]
        if "--from" not in copy:
            assert all((PROJECT / source).exists() for source in sources), copy


def test_the_image_sets_only_variables_that_are_read() -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", " ".join(instructions("ENV"))))
    assert named - FOREIGN_VARIABLES <= settings_read()


def test_secrets_and_data_stay_out_of_the_image() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git", ".venv", "data"} <= set(ignored)


def test_the_image_can_run_prisma_and_the_clients_of_postgresql() -> None:
    installed = next(run for run in instructions("RUN") if "apt-get install" in run).split()
    assert {"nodejs", "npm", "postgresql-client"} <= set(installed)


def test_the_image_runs_without_the_demo_and_the_sandbox(tmp_path: Path) -> None:
    """A copy without what .dockerignore names passes Django's checks and lists its commands."""
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert {"cutover/demo", "integrations/sandbox", "tests"} <= set(ignored)
    left_out = {str(PROJECT / name) for name in ignored}
    shutil.copytree(
        PROJECT,
        tmp_path / "image",
        ignore=lambda folder, names: {name for name in names if str(Path(folder, name)) in left_out},
    )
    environment = {**os.environ, "CUTOVER_DATA": str(tmp_path / "data")}
    for command in ("check", "help"):
        done = subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=tmp_path / "image",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "[checklists]" in done.stdout
    assert "autopilot" not in done.stdout


@pytest.mark.parametrize("name", sorted(PANEL))
def test_every_process_of_the_panel_has_a_command_and_variables_that_exist(name: str) -> None:
    service = PANEL[name]
    if "command" in service:
        check_command([str(word) for word in service["command"]])
    assert set(service["environment"]) <= settings_read()
    test = service.get("healthcheck", {}).get("test", ["CMD", "python", "-m", "json"])
    check_command(test[1:])


def test_every_process_of_the_panel_has_a_compose_service() -> None:
    assert set(PANEL) == {"migrate", "web", *SERVICES}
    assert {"postgres", "valkey"} <= set(COMPOSE["services"])


def test_compose_sets_every_setting_that_production_requires() -> None:
    for service in PANEL.values():
        assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CUTOVER_SECRET_KEYS", "ALLOWED_HOSTS"} <= set(
            service["environment"]
        )


def test_only_the_migration_connects_as_the_owner() -> None:
    owners = [name for name, service in PANEL.items() if "DATABASE_OWNER_URL" in service["environment"]]
    assert owners == ["migrate"]
    urls = PANEL["migrate"]["environment"]
    assert urls["DATABASE_URL"].split(":")[1] != urls["DATABASE_OWNER_URL"].split(":")[1]


def test_compose_contains_no_secret_and_declares_every_volume() -> None:
    text = (PROJECT / "compose.yaml").read_text()
    for name in (
        "SECRET_KEY",
        "CUTOVER_SECRET_KEYS",
        "POSTGRES_PASSWORD",
        "APPLICATION_PASSWORD",
        "REDIS_PASSWORD",
    ):
        assert f"${{{name}:?" in text
    used = {v.split(":")[0] for s in COMPOSE["services"].values() for v in s.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_services_wait_only_for_services_that_report_when_they_are_ready() -> None:
    for service in COMPOSE["services"].values():
        for other, how in service.get("depends_on", {}).items():
            waited = COMPOSE["services"][other]
            assert how["condition"] == "service_completed_successfully" or "healthcheck" in waited


def test_the_web_address_of_the_health_check_is_a_page() -> None:
    from django.urls import resolve

    assert resolve("/health/live").url_name == "health-live"
    assert COMPOSE["services"]["web"]["healthcheck"]["test"][-1].endswith("/health/live")


def test_uvicorn_is_installed_with_the_panel() -> None:
    assert any(entry.name == "uvicorn" for entry in entry_points(group="console_scripts"))
