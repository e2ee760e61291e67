"""The sandbox's new API on databases in the recorded states, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import argon2
import psycopg
import requests

from integrations.sandbox.facts import load_facts
from integrations.sandbox.legacy.access import API
from integrations.sandbox.new_api import Api
from integrations.sandbox.node import SOURCE
from integrations.sandbox.serving import server_of
from tests.integrations.sandbox.environments import SandboxEnvironment
from tests.ports import free_port

ORIGIN, DEAD = "https://app.example", "redis://127.0.0.1:1/0"
PASSWORD = "Made-up-pass-1"
HASH = argon2.PasswordHasher().hash(PASSWORD)
LEDGER = """
SET ROLE migrator;
CREATE TABLE _prisma_migrations (id text, finished_at timestamptz, rolled_back_at timestamptz);
INSERT INTO _prisma_migrations VALUES ('init', now(), NULL);
"""
ROWS = """
DELETE FROM donations; DELETE FROM churches;
INSERT INTO churches (name, address, timezone) VALUES ('Main', 'x', 'UTC');
INSERT INTO donations (amount, currency, status, payment_method, created_at, updated_at)
  SELECT i + 0.5, 'USD', 'success', 'paystack', now(), now() FROM generate_series(1, 3) i;
INSERT INTO events (title, start_date, end_date, service_segments, ministry_tags)
  SELECT 'E' || i, '2025-01-02', '2025-01-02', '[{"title": "Song"}]', '["x"]' FROM generate_series(1, 3) i;
INSERT INTO prayer_requests (name, email, request) VALUES ('P', 'p@people.invalid', 'please');
INSERT INTO sermons (title, preacher, media_type) VALUES ('S', 'x', 'audio'), ('T', 'x', 'audio');
"""
USERS = """
DELETE FROM users;
INSERT INTO users (id, username, email, password_hash, first_name, last_name) VALUES
  (301, 'canary', 'canary@people.invalid', %s, 'Canary', 'Bird'),
  (1, 'u1', 'u1@people.invalid', 'scrypt:32768:8:1$aa$bb', NULL, NULL),
  (2, 'u2', 'U2@People.invalid', 'scrypt:32768:8:1$aa$bb', NULL, NULL),
  (9, 'u9', 'u9@people.invalid', NULL, NULL, NULL);
"""


@contextmanager
def serving(**environ: str) -> Iterator[str]:
    """The address of an API in this process."""
    port, headers = free_port(), load_facts("api.json")["headers"]["every_answer"]
    api = Api({"CORS_ORIGINS": ORIGIN, **environ})
    with server_of(port, api, name="new-api", headers=headers, etags=True) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()


class States:
    """Databases in the recorded states, and an API on each, made when they are first asked for."""

    def __init__(self, environment: SandboxEnvironment, queue: str, stack: ExitStack) -> None:
        self.environment, self.queue, self.stack = environment, queue, stack
        self.addresses: dict[str, str] = {}
        self.environs: dict[str, dict[str, str]] = {}
        self.aligned = self._aligned()

    def address(self, state: str) -> str:
        if state not in self.addresses:
            self.addresses[state] = self.stack.enter_context(serving(**self.environ(state)))
        return self.addresses[state]

    def url(self, database: str) -> str:
        self.environment.execute(f"GRANT CONNECT ON DATABASE {database} TO {API}")
        return self.environment.url(API, database)

    def environ(self, state: str) -> dict[str, str]:
        if state not in self.environs:
            self.environs[state] = self._environ(state)
        return self.environs[state]

    def _environ(self, state: str) -> dict[str, str]:
        url, queue = self.url(self.aligned), self.queue
        if state == "old-database-never-migrated":
            url = self.url(self.environment.copy())
        elif state == "baseline-and-deploy-without-alignment":
            url = self.url(self._deployed())
        elif state == "database-read-only":
            url = self.url(self._read_only())
        elif state == "migration-unfinished":
            url = self.url(self._aligned("INSERT INTO _prisma_migrations VALUES ('half', NULL, NULL);"))
        elif state == "database-stopped":
            url = "postgresql://nobody@127.0.0.1:1/none"
        elif state == "redis-stopped":
            queue = DEAD
        return {"DATABASE_URL": url, "REDIS_URL": queue}

    def _aligned(self, more: str = "") -> str:
        name = self.environment.migrated()
        self.environment.execute(LEDGER + more + ROWS, database=name)
        self.fill_users(name)
        return name

    def fill_users(self, name: str) -> None:
        self.environment.execute("DELETE FROM sessions", database=name)
        first, second = USERS.split(";", 1)
        self.environment.execute(first, database=name)
        self.environment.execute(second, HASH, database=name)

    def _deployed(self) -> str:
        name = self.environment.copy()
        with psycopg.connect(self.environment.admin(name)) as connection:
            connection.execute("SET ROLE migrator")
            for file in sorted(SOURCE.glob("prisma/migrations/*/migration.sql"))[1:]:
                connection.execute(file.read_bytes())
        self.environment.execute(LEDGER, database=name)
        return name

    def _read_only(self) -> str:
        name = self._aligned()
        self.environment.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        return name


def sign_in(base: str) -> str:
    given = {"email": "canary@people.invalid", "password": PASSWORD}
    token = requests.post(f"{base}/auth/login", json=given, timeout=60).json()["session"]["token"]
    return str(token)
