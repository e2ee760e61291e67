"""The sandbox is made once, kept private, and goes on where it was."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis
from dotenv import dotenv_values

from checklists.runbook import read
from cutover.embedded import Postgres
from integrations import allowed_programs
from integrations.sandbox.legacy import seed
from integrations.sandbox.variables import build_variables
from integrations.sandbox.world import Sandbox
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on
from tests.ports import free_port
from tests.waiting import wait_for

RUNBOOK = Path(__file__).resolve().parents[3] / "checklists/runbooks/covenant-connect.yaml"


def again(environment: SandboxEnvironment) -> Sandbox:
    old = environment.sandbox
    return Sandbox(
        old.folder, old.admin_url, old.scratch_url, rows=old.rows, seed=old.seed, database=old.database
    )


def test_a_second_preparation_keeps_the_database_and_all_addresses(environment: SandboxEnvironment) -> None:
    name = environment.sandbox.database
    oid = environment.execute("select oid from pg_database where datname = %s", name)
    said: list[str] = []
    second = again(environment)
    second.prepare(said.append)
    assert environment.execute("select oid from pg_database where datname = %s", name) == oid
    assert len(said) == 1
    assert build_variables(second) == build_variables(environment.sandbox)
    assert second.processes() == environment.sandbox.processes()


def test_everything_kept_is_for_our_eyes_only(environment: SandboxEnvironment) -> None:
    folder = environment.sandbox.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "backend").stat().st_mode) == 0o700
    for name in ("state.json", "old.env", "new.env", "platform/wanted.json", "cluster/cluster.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_no_password_is_in_the_arguments_of_a_program(environment: SandboxEnvironment) -> None:
    state = environment.sandbox.state
    secrets = [
        *state.passwords.values(),
        *state.secrets.values(),
        *state.keys.values(),
        state.tsig_secret,
        state.cluster_token,
        state.canary_password,
        state.queue_password,
    ]
    words = [
        word
        for process in [*environment.sandbox.processes(), *environment.sandbox.applications()]
        for word in process.argv
    ]
    assert not [word for word in words for secret in secrets if secret in word]


def test_the_old_env_file_has_the_old_names_and_leads_to_the_old_database(
    environment: SandboxEnvironment,
) -> None:
    values = dotenv_values(build_variables(environment.sandbox)["LEGACY_ENV_FILE"], interpolate=False)
    gateways = {f"{name}_SECRET_KEY" for name in ("PAYSTACK", "FINCRA", "STRIPE", "FLUTTERWAVE")}
    assert {"DATABASE_URL", "SECRET_KEY", "REDIS_URL", "CORS_ORIGINS", *gateways} <= set(values)
    with psycopg.connect(str(values["DATABASE_URL"])) as connection:
        assert connection.execute("select current_user").fetchone() == ("legacy_app",)
    new = dotenv_values(build_variables(environment.sandbox)["NEW_ENV_FILE"], interpolate=False)
    assert not set(gateways) & set(new), "they are entered later"
    keys = environment.sandbox.state.keys
    assert not set(values.values()) & {keys[name] for name in gateways}, "no key is shared"
    assert all(
        re.search("test|sandbox", str(found[name]), re.I) for name in gateways for found in (values, keys)
    )


def test_the_command_line_of_prisma_is_a_program(environment: SandboxEnvironment) -> None:
    variables = build_variables(environment.sandbox)
    command = Path(variables["PRISMA_COMMAND"])
    assert os.access(command, os.X_OK)
    assert command.is_relative_to(variables["PRISMA_PROJECT"])


def test_the_demos_list_of_programs_has_every_command_of_the_runbook(
    environment: SandboxEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = build_variables(environment.sandbox)
    monkeypatch.setenv(allowed_programs.VARIABLE, variables[allowed_programs.VARIABLE])
    found = read(RUNBOOK.read_bytes(), environ=variables).errors
    assert [str(error) for error in found if allowed_programs.VARIABLE in str(error)] == []
    monkeypatch.delenv(allowed_programs.VARIABLE)
    systems = {error.where for error in read(RUNBOOK.read_bytes(), environ=variables).errors}
    assert {"system engine", "system backend"} <= systems


def test_a_database_that_was_not_finished_is_never_taken_for_the_old_one(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with environment_on(postgres_server, tmp_path / "one") as made:
        with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
            admin.execute(f"drop database {made.sandbox.database} with (force)")
        with monkeypatch.context() as patch:
            patch.setattr(seed, "HERE", tmp_path)  # no schema.sql there: it stops in the middle
            with pytest.raises(FileNotFoundError):
                again(made).prepare(print)
        with psycopg.connect(postgres_server.url()) as admin:
            names = {row[0] for row in admin.execute("select datname from pg_database")}
        assert made.sandbox.database not in names
        again(made).prepare(print)
        assert made.execute("select count(*) from settings") == [(1,)]


def test_the_queue_answers_only_who_knows_its_password(environment: SandboxEnvironment) -> None:
    found = next(process for process in environment.sandbox.processes() if process.name == "new-queue")
    port, secret = free_port(), found.env["QUEUE_PASSWORD"]
    argv = [*found.argv[:-1], str(port)]
    child = subprocess.Popen(argv, env={**os.environ, **found.env}, stdout=subprocess.DEVNULL)
    known = redis.Redis(port=port, password=secret)
    stranger = redis.Redis(port=port)
    try:
        wait_for(lambda: pings(known))
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    finally:
        known.close()
        stranger.close()
        child.terminate()
        assert child.wait(90) == 0


def pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
