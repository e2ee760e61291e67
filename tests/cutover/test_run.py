"""`./panel run` on external servers, and its messages when they do not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from cutover.deploy_check import production_environment
from cutover.embedded import Valkey
from tests import servers
from tests.ports import free_port


def started(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """A panel with production settings; it accepts only the host name that people use."""
    env = {
        **os.environ,
        **production_environment(),
        "ALLOWED_HOSTS": "panel.internal",
        "CUTOVER_HTTPS": "true",
    }
    env |= environment
    argv = [sys.executable, "-m", "cutover.run", "--port", str(free_port())]
    env["CUTOVER_DATA"] = str(folder)
    return subprocess.Popen(
        argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_it_runs_on_external_servers_and_says_how_to_create_the_first_admin(
    new_database: Callable[[], str], valkey_server: Valkey, tmp_path: Path
) -> None:
    owner = new_database()
    panel = started(
        tmp_path / "data",
        DATABASE_OWNER_URL=owner,
        DATABASE_URL=servers.application_url(owner.rpartition("/")[2]),
        REDIS_URL=valkey_server.url,
    )
    assert panel.stdout is not None
    said = ""
    for line in panel.stdout:
        said += line
        if "reaper are running" in line:
            break
    panel.send_signal(signal.SIGTERM)
    said += panel.communicate(timeout=60)[0]
    assert panel.returncode == 0, said
    assert "createsuperuser" in said
    assert "reaper are running" in said
    assert "Valkey" not in said  # it started no embedded server
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_OWNER_URL", "postgresql://u:p@127.0.0.1:9/cutover"),
        ("REDIS_URL", "redis://:0123456789abcdef@127.0.0.1:9/0"),
    ],
)
def test_a_server_that_does_not_answer_is_named_before_anything_starts(
    name: str, value: str, new_database: Callable[[], str], valkey_server: Valkey, tmp_path: Path
) -> None:
    urls = {"DATABASE_OWNER_URL": new_database(), "REDIS_URL": valkey_server.url, name: value}
    panel = started(tmp_path / "data", **urls)
    said = panel.communicate(timeout=60)[0]
    assert panel.returncode == 1
    assert f"{name} does not answer" in said
    assert "Traceback" not in said
