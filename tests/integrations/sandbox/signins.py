"""The new API with the providers' stand-ins for sign-in, on a database that has just the tables it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from integrations.sandbox import provider_keys
from integrations.sandbox.repairs import load_repairs
from tests.integrations.clients.proxies import answers
from tests.integrations.sandbox.providers import World, providers
from tests.ports import free_port
from tests.waiting import wait_for

SIGNINS = ("google", "facebook", "apple")
AUTHORIZE = "/auth/providers/{provider}/authorize?redirectUri={redirect}"
ACCOUNTS = (
    "select id, provider_id, user_id, created_at from account_providers where provider = %(provider)s"
    " order by id"
)
SESSIONS = "select count(*) from sessions where user_id = %(user)s and expires_at > now() at time zone 'UTC'"
TABLES = """
create table users (
  id serial primary key, email text not null unique, username text not null unique, first_name text,
  last_name text, roles text[], created_at timestamp(3) not null default now(),
  updated_at timestamp(3) not null default now());
create table account_providers (
  id serial primary key, user_id int not null references users, provider text not null,
  provider_id text not null, access_token text, refresh_token text, expires_at timestamp(3),
  created_at timestamp(3) not null default now(), updated_at timestamp(3) not null default now(),
  unique (provider, provider_id));
create table sessions (
  token text primary key, user_id int not null references users,
  created_at timestamp(3) not null default now(), expires_at timestamp(3) not null);
"""


@dataclass(frozen=True)
class Signins:
    """Addresses of API and database, and the providers."""

    api: str
    database: str
    world: World
    base: str
    repairs: Path  # which of the customer's defects are repaired: a list in JSON, read at each request

    def system(self, provider: str, **changed: str) -> dict[str, str]:
        """A system of kind oauth."""
        return self.world.oauth(provider, self.base, **changed)


@contextmanager
def signins(
    database: str, *, repairs: Collection[str] = tuple(load_repairs()), **changed: str
) -> Iterator[Signins]:
    """While all of it runs; ``changed`` are settings that the API has otherwise than the providers."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLES)
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    base = f"{api}/auth/providers"
    with providers(OAUTH_REDIRECT_BASE=base) as world, TemporaryDirectory() as folder:
        applied = Path(folder) / "repairs.json"
        applied.write_text(json.dumps([*repairs]))
        urls = {f"{name.upper()}_URL": f"{world.url}/{name}" for name in SIGNINS}
        env = {
            **os.environ, **provider_keys.as_received(world.keys), **urls,
            "OAUTH_REDIRECT_BASE": base, "DATABASE_URL": database,
            "PORT": str(port), "SKIP_TASKS_QUEUE": "true", "REDIS_URL": "redis://127.0.0.1:1/0",
            "REPAIRS_FILE": str(applied), **changed,
        }  # fmt: skip
        argv = [sys.executable, "-m", "integrations.sandbox.new_api"]
        child = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: answers(api))
            yield Signins(api, database, world, base, applied)
        finally:
            child.terminate()
            child.wait(90)


@contextmanager
def without(running: Signins, repair: str) -> Iterator[None]:
    """While the customer has not made this repair."""
    before = running.repairs.read_text()
    running.repairs.write_text(json.dumps([key for key in json.loads(before) if key != repair]))
    try:
        yield
    finally:
        running.repairs.write_text(before)
