"""Other programs that compare databases: installed outside the project, run, and their output read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.parity.data import SOURCE, TARGET
from tests.benchmarks.parity.servers import Bench

HOME = Path(os.environ.get("BENCH_PEERS", "/var/tmp/cutover-peers"))
LONGEST = 1800  # seconds that one run may take
CORES = str(os.cpu_count() or 1)  # their own threads a database
DEBS = ("postgresql-comparator", "libdbi-perl", "libdbd-pg-perl", "libgetopt-long-descriptive-perl")


class Absent(Exception):
    """A peer cannot be had here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A program to be held against ours. ``install`` raises `Absent`; ``find`` gives the keys that differ.

    ``wanted``: how many times as fast as it we want to be. ``exact``: it says that it compares all of
    these types, so that its findings must be ours. ``note`` is what to know of its answers.
    """

    name: str
    wanted: float
    install: Callable[[Bench], Path]
    find: Callable[[Path, Bench, str, Sequence[str]], set[str]]
    note: str = ""
    exact: bool = True


def measured(peer: Peer, bench: Bench, table: str, columns: Sequence[str]) -> tuple[float, set[str]]:
    """Seconds and differing keys of one run."""
    home = peer.install(bench)
    started = time.perf_counter()
    found = peer.find(home, bench, table, columns)
    return time.perf_counter() - started, found


def python_environment(name: str, *requirements: str) -> Path:
    """An environment with exactly these packages, made when first asked for."""
    home = HOME / name
    mark = home / "installed"
    if mark.exists() and mark.read_text() == "\n".join(requirements):
        return home
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    command = [home / "bin" / "python", "-m", "pip", "install", "-qq", "--no-input", *requirements]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Absent(f"pip could not install it: {done.stderr.strip().splitlines()[-1]}")
    mark.write_text("\n".join(requirements))
    return home


def run_program(command: Sequence[str | Path], **environment: str) -> str:
    """Its standard output; an exit code but 0 and an empty answer with complaints are both errors."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LONGEST, env={**os.environ, **environment}
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


# ── reladiff and data-diff: two of one family ────────────────────────────────


def _reladiff(_: Bench) -> Path:
    return python_environment("reladiff", "reladiff==0.6.0", "psycopg2-binary==2.9.10", "setuptools<81")


def _data_diff(_: Bench) -> Path:
    old = ("dbt-core<1.9", "pydantic<2")  # with later ones it does not start
    return python_environment(
        "data-diff", "data-diff==0.11.2", *old, "psycopg2-binary==2.9.10", "setuptools<81"
    )


def _family(program: str, *more: str) -> Callable[[Path, Bench, str, Sequence[str]], set[str]]:
    def find(home: Path, bench: Bench, table: str, columns: Sequence[str]) -> set[str]:
        sides = (bench.url(SOURCE), table, bench.url(TARGET), table)
        every = [word for column in columns for word in ("-c", column)]
        command = [home / "bin" / program, *sides, "-k", "id", *every, "--json", "-j", CORES, *more]
        out = run_program(command, COLUMNS="100000")  # it breaks its own JSON at the width of the terminal
        rows = [json.loads(line) for line in out.splitlines() if line.startswith('["')]
        return {str(key) for _, (key, *_values) in rows}

    return find


# ── Google's data validator ──────────────────────────────────────────────────


def _validator(bench: Bench) -> Path:
    """With both connections told to it, which it keeps in a folder."""
    home = python_environment("data-validator", "google-pso-data-validator==8.10.1")
    for name, database in (("source", SOURCE), ("target", TARGET)):
        postgres = bench.postgres
        where = {"host": "127.0.0.1", "port": str(postgres.port), "user": "postgres",
                 "password": postgres.password, "database": database}  # fmt: skip
        told = [word for option, value in where.items() for word in (f"--{option}", value)]
        run_program(
            [home / "bin/data-validation", "connections", "add", "-c", name, "Postgres", *told], **_kept(home)
        )
    return home


def _kept(home: Path) -> dict[str, str]:
    return {"PSO_DV_CONN_HOME": str(home / "connections")}


def _validate(home: Path, bench: Bench, table: str, columns: Sequence[str]) -> set[str]:
    """Rows whose hash over all columns is not the same, by its own JSON."""
    out = run_program(
        [home / "bin/data-validation", "validate", "row", "-sc", "source", "-tc", "target",
         "-tbls", f"public.{table}", "--primary-keys", "id", "--hash", "*", "--format", "json",
         "--filter-status", "fail"],
        **_kept(home),
    )  # fmt: skip
    return set(_failed(json.loads(out[out.index("{") :] if "{" in out else "{}")))


def _failed(report: dict[str, Any]) -> Iterator[str]:
    for row in report.values():
        keys = row.get("group_by_columns") or "{}"
        yield str(json.loads(keys)["id"] if isinstance(keys, str) else keys["id"])


# ── pg_comparator, whose functions are a library of PostgreSQL 15 ────────────


def _comparator(bench: Bench) -> Path:
    """Debian's packages, unpacked; their functions are made known to both databases by path."""
    home = HOME / "pg_comparator"
    if not bench.release.startswith("15."):
        raise Absent(f"its library is built for PostgreSQL 15, and this server is {bench.release}")
    if not (home / "usr/bin/pg_comparator").exists():
        _unpack(home)
    _make_functions(home, bench)
    return home


def _unpack(home: Path) -> None:
    if not shutil.which("apt-get"):
        raise Absent("it comes as a Debian package, and there is no apt-get")
    home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["apt-get", "download", *DEBS], cwd=home, capture_output=True, text=True)
    if done.returncode:
        raise Absent(f"apt-get could not download it: {done.stderr.strip().splitlines()[-1]}")
    for package in home.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, home], check=True)
    for folder in (home, *home.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)  # the server is not root, and loads the library from here


def _make_functions(home: Path, bench: Bench) -> None:
    library = home / "usr/lib/postgresql/15/lib/pgcmp"
    script = (home / "usr/share/postgresql/15/extension/pgcmp--3.1.sql").read_text()
    script = re.sub(r"^\\.*$", "", script, flags=re.M).replace("MODULE_PATHNAME", str(library))
    for database in (SOURCE, TARGET):
        bench.run(database, script)


def _compare(home: Path, bench: Bench, table: str, columns: Sequence[str]) -> set[str]:
    """Its lines are “UPDATE 7”, “INSERT 8”, “DELETE 9”."""
    postgres = bench.postgres
    known = f"postgres:{postgres.password}@127.0.0.1:{postgres.port}"
    sides = [f"pgsql://{known}/{name}/{table}?id:{','.join(columns)}" for name in (SOURCE, TARGET)]
    (version,) = (home / "usr/lib/x86_64-linux-gnu/perl5").iterdir()
    out = subprocess.run(
        ["perl", home / "usr/bin/pg_comparator", *sides],
        env={**os.environ, "PERL5LIB": f"{version}:{home / 'usr/share/perl5'}"},
        capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip
    if "UPDATE" not in out.stdout and out.stderr:  # its exit code is the number of differences
        raise RuntimeError(f"pg_comparator: {out.stderr[-800:]}")
    return set(re.findall(r"^(?:UPDATE|INSERT|DELETE) (\S+)", out.stdout, flags=re.M))


PEERS = (
    Peer("reladiff 0.6.0", 4.5, _reladiff, _family("reladiff", "--skip-sort-results"),
         "with --skip-sort-results: else it stops at text against NULL, with exit code 0"),
    Peer("data-diff 0.11.2", 5.5, _data_diff, _family("data-diff")),
    Peer("google-pso-data-validator 8.10.1", 20, _validator, _validate, "rows only, no columns", exact=False),
    Peer("pg_comparator 2.3.2", 2, _comparator, _compare, "rows only; it writes to the servers"),
)  # fmt: skip


def found_by(peer: Peer, keys: set[str], ours: set[str]) -> str:
    """A note when a peer's findings differ from ours; raises when the peer found more than we did."""
    if (more := keys - ours) or (peer.exact and keys != ours):
        raise AssertionError(f"{peer.name} does not find what we find: {sorted(more or ours - keys)[:5]}")
    return f"it finds {len(keys)} of {len(ours)}" if keys != ours else ""
