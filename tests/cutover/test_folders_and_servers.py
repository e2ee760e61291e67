"""Data folders, the demo's marker, the panel's own servers: what is whose, and who may delete it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cutover import demo_folder
from cutover.data_folder import PROJECT, generated
from cutover.embedded import WillNotStart, free_port
from cutover.processes import first_free_port, only_one
from cutover.servers import DATABASE, running
from tests.conftest import servers


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one that `nobody` can reach."""
    path = servers.FOLDER / f"own-{os.urandom(3).hex()}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_secret_is_made_once_whoever_asks(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from cutover.data_folder import generated as made"
    code += "; print(made(Path(sys.argv[1]), 'key'))"
    argv = [sys.executable, "-c", code, str(tmp_path)]
    several = [subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate()[0].strip() for process in several}
    assert len(said) == 1
    assert generated(tmp_path, "key") in said
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]


def test_the_demo_takes_an_empty_folder_and_knows_it_again(tmp_path: Path) -> None:
    mine = tmp_path / "demo"
    demo_folder.claim(mine)
    (mine / "file").touch()
    demo_folder.claim(mine)
    assert (mine / demo_folder.MARKER).is_file()


def test_the_demo_leaves_a_folder_alone_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(WillNotStart, match="not the demo's"):
        demo_folder.claim(tmp_path)
    with pytest.raises(WillNotStart, match="nothing was deleted"):
        demo_folder.empty(tmp_path)
    assert (tmp_path / "postgres").is_dir()


def test_fresh_deletes_everything_in_a_marked_folder_and_nothing_behind_links(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    mine = tmp_path / "demo"
    demo_folder.claim(mine)
    (mine / "logs").mkdir()
    (mine / "link").symlink_to(precious)
    demo_folder.empty(mine)
    assert [path.name for path in mine.iterdir()] == [demo_folder.MARKER]
    assert (precious / "file").exists()


def test_the_demo_sees_nothing_of_a_real_panels_settings(
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
    second = only_one(tmp_path, "another one")
    with only_one(tmp_path, "one"), pytest.raises(WillNotStart, match=f"process {os.getpid()}"):
        second.__enter__()
    with only_one(tmp_path, "one"):
        pass


def test_a_port_in_use_is_passed_over() -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert first_free_port("127.0.0.1", port) > port


def test_own_servers_run_as_long_as_somebody_needs_them(folder: Path) -> None:
    with running(folder, postgres=True, valkey=True) as own:
        assert own.postgres is not None
        with psycopg.connect(own.postgres.socket_url(DATABASE)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with running(folder, postgres=True, valkey=True) as guest:  # finds them, starts none, stops none
            assert guest.pids() == []
        assert own.postgres.answers()
        assert own.valkey is not None
        assert own.valkey.answers()
    assert not own.postgres.answers()
    assert not own.valkey.answers()


def test_a_server_that_fell_is_started_again(folder: Path) -> None:
    with running(folder, postgres=False, valkey=True) as own:
        assert own.valkey is not None
        assert own.valkey.process is not None
        own.valkey.process.kill()
        own.valkey.process.wait()
        said: list[str] = []
        own.restart_fallen(said.append)
        assert "Valkey of the panel ended by itself" in said[0]
        assert own.valkey.answers()


def test_the_front_door_runs_commands_on_servers_that_it_brings(folder: Path) -> None:
    env = {"PATH": os.environ["PATH"], "CUTOVER_DATA": str(folder)}
    argv = [sys.executable, "-m", "cutover.commandline", "migrate", "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)
    assert done.returncode == 1, done.stderr  # it could ask, and the answer is that tables are missing
    assert "Traceback" not in done.stderr
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()
