"""The new API with the providers' stand-ins for sign-in, on a database that has just the tables it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from cutover.embedded import free_port
from tests.integrations.clients.proxies import answers
from tests.integrations.sandbox.estates import until
from tests.integrations.sandbox.providers import World, providers

SIGNINS = ("google", "facebook", "apple")
TABLES = """
create table users (
  id serial primary key, email text not null unique, name text not null, last_login_at timestamp);
create table account_providers (
  id serial primary key, user_id int references users, provider text not null, subject text not null,
  created_at timestamp not null default now(), updated_at timestamp not null default now(),
  unique (provider, subject));
"""


@dataclass(frozen=True)
class Signins:
    """Addresses of API and database, and the providers."""

    api: str
    database: str
    world: World
    base: str

    def system(self, provider: str, **changed: str) -> dict[str, str]:
        """A system of kind oauth."""
        return self.world.oauth(provider, self.base, **changed)


@contextmanager
def signins(database: str, **changed: str) -> Iterator[Signins]:
    """While all of it runs; ``changed`` are settings that the API has otherwise than the providers."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLES)
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    base = f"{api}/auth/providers"
    with providers(OAUTH_REDIRECT_BASE=base) as world:
        urls = {f"{name.upper()}_URL": f"{world.url}/{name}" for name in SIGNINS}
        env = {
            **os.environ, **world.keys, **urls, "OAUTH_REDIRECT_BASE": base, "DATABASE_URL": database,
            "PORT": str(port), "QUEUE_DRIVER": "redis", "REDIS_URL": "redis://127.0.0.1:1/0", **changed,
        }  # fmt: skip
        argv = [sys.executable, "-m", "integrations.sandbox.new_api"]
        child = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
        try:
            until(lambda: answers(api))
            yield Signins(api, database, world, base)
        finally:
            child.terminate()
            child.wait(15)
