"""Data folders, the demo's marker file, and the panel's embedded servers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cutover.data_folder import PROJECT, load_or_create_secret
from cutover.demo import demo_folder
from cutover.embedded import StartupError
from cutover.processes import first_free_port, lock_data_folder
from cutover.servers import DATABASE, running_servers
from tests.conftest import servers
from tests.ports import free_port


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path that `nobody` can reach."""
    path = servers.FOLDER / f"own-{os.urandom(3).hex()}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_secret_is_created_once_by_concurrent_processes(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from cutover.data_folder import load_or_create_secret"
    code += "; print(load_or_create_secret(Path(sys.argv[1]), 'key'))"
    argv = [sys.executable, "-c", code, str(tmp_path)]
    several = [subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate()[0].strip() for process in several}
    assert len(said) == 1
    assert load_or_create_secret(tmp_path, "key") in said
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]


def test_the_demo_marks_an_empty_folder_and_accepts_it_again(tmp_path: Path) -> None:
    mine = tmp_path / "demo"
    demo_folder.mark(mine)
    (mine / "file").touch()
    demo_folder.mark(mine)
    assert (mine / demo_folder.MARKER).is_file()


def test_the_demo_refuses_a_folder_with_other_data(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(StartupError, match="not the demo's"):
        demo_folder.mark(tmp_path)
    with pytest.raises(StartupError, match="nothing was deleted"):
        demo_folder.clear(tmp_path)
    assert (tmp_path / "postgres").is_dir()


def test_fresh_empties_a_marked_folder_and_follows_no_links(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    mine = tmp_path / "demo"
    demo_folder.mark(mine)
    (mine / "logs").mkdir()
    (mine / "link").symlink_to(precious)
    demo_folder.clear(mine)
    assert [path.name for path in mine.iterdir()] == [demo_folder.MARKER]
    assert (precious / "file").exists()


def test_the_demo_ignores_the_settings_of_a_real_panel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://real")
    monkeypatch.setenv("SECRET_KEY", "real")
    seen = demo_folder.environment(tmp_path, {"API_URL": "http://localhost:1"})
    assert "DATABASE_URL" not in seen
    assert "SECRET_KEY" not in seen
    assert seen["CUTOVER_DATA"] == str(tmp_path)
    assert seen["API_URL"] == "http://localhost:1"


def test_two_panels_do_not_share_a_data_folder(tmp_path: Path) -> None:
    second = lock_data_folder(tmp_path, "another one")
    with lock_data_folder(tmp_path, "one"), pytest.raises(StartupError, match=f"process {os.getpid()}"):
        second.__enter__()
    with lock_data_folder(tmp_path, "one"):
        pass


def test_a_port_in_use_is_skipped() -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert first_free_port("127.0.0.1", port) > port


def test_embedded_servers_run_until_their_last_user_ends(folder: Path) -> None:
    with running_servers(folder, postgres=True, valkey=True) as own:
        assert own.postgres is not None
        with psycopg.connect(own.postgres.socket_url(DATABASE)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with running_servers(folder, postgres=True, valkey=True) as guest:  # starts and stops none
            assert guest.pids() == []
        assert own.postgres.answers()
        assert own.valkey is not None
        assert own.valkey.answers()
    assert not own.postgres.answers()
    assert not own.valkey.answers()


def test_a_crashed_server_is_restarted(folder: Path) -> None:
    with running_servers(folder, postgres=False, valkey=True) as own:
        assert own.valkey is not None
        assert own.valkey.process is not None
        own.valkey.process.kill()
        own.valkey.process.wait()
        said: list[str] = []
        own.restart_crashed(said.append)
        assert "Valkey ended by itself" in said[0]
        assert own.valkey.answers()


def test_a_killed_postgres_is_restarted_once_the_last_of_its_sessions_has_ended(folder: Path) -> None:
    with running_servers(folder, postgres=True, valkey=False) as own:
        assert own.postgres is not None
        assert own.postgres.process is not None
        with psycopg.connect(own.postgres.socket_url(DATABASE)) as connection:
            session = connection.info.backend_pid
            os.kill(session, signal.SIGSTOP)  # as one that waits for a slow disk
            own.postgres.process.kill()
            own.postgres.process.wait()
            threading.Timer(1.5, os.kill, [session, signal.SIGCONT]).start()
            own.restart_crashed(lambda _: None)
        assert own.postgres.answers()


def test_panel_manage_starts_embedded_servers_for_a_command(folder: Path) -> None:
    env = {"PATH": os.environ["PATH"], "CUTOVER_DATA": str(folder)}
    argv = [sys.executable, "-m", "cutover.commandline", "migrate", "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)
    assert done.returncode == 1, done.stderr  # the database answered: its tables are missing
    assert "Traceback" not in done.stderr
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()
