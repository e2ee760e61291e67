"""The old application: a few pages, and people who never stop giving, praying and joining.

Settings: DATABASE_URL (the role `legacy_app`), PORT; WRITES_PER_SECOND (default 4).
"""

from __future__ import annotations

import html
import os
import random
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg

from integrations.sandbox.legacy import words
from integrations.sandbox.legacy_reads import LegacyReads
from integrations.sandbox.serving import Answer, Asked, Counted, say, serve

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Covenant Connect (old)</title>
<h1>Covenant Connect</h1><p>The old application. Last gifts:</p><ul>{gifts}</ul>
<p>{members} members · <a href="/stats">what its people did</a></p></html>"""


def now() -> datetime:
    """As Python's default in the old models wrote it: UTC, microseconds, no zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def gift() -> tuple[str, dict[str, Any]]:
    """A row of donations, with the defaults that SQLAlchemy would send."""
    provider = random.choice(words.SERVICES[:4])
    return "donations", {
        "donor_name": person(),
        "amount": random.randint(500, 5_000_000) / 100,
        "currency": random.choice(["NGN", "NGN", "GHS", "USD"]),
        "status": "completed",
        "provider": provider,
        "reference": f"LIVE-{uuid.uuid4().hex}",
        "payment_info": random.choice(words.PAYMENT),
        "is_anonymous": False,
        "created_at": now(),
        "updated_at": now(),
    }


def prayer() -> tuple[str, dict[str, Any]]:
    """A row of prayer_requests."""
    return "prayer_requests", {
        "name": person(),
        "request": random.choice(words.PRAYERS),
        "is_public": True,
        "is_answered": False,
        "tags": random.choice(words.TAGS),
        "created_at": now(),
        "updated_at": now(),
    }


def member() -> tuple[str, dict[str, Any]]:
    """A row of members."""
    return "members", {
        "first_name": random.choice(words.FIRST_NAMES),
        "last_name": random.choice(words.LAST_NAMES),
        "email": f"{uuid.uuid4().hex[:12]}@people.invalid",
        "status": "active",
        "milestones": random.choice(words.MILESTONES),
        "is_baptised": False,
        "joined_at": now(),
        "created_at": now(),
        "updated_at": now(),
    }


def person() -> str:
    """First and last name."""
    return f"{random.choice(words.FIRST_NAMES)} {random.choice(words.LAST_NAMES)}"


class Database:
    """One connection that is made again after it was lost; counts what became of each write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self.counts: Counter[str] = Counter()
        self.last: dict[str, str] = {}
        self.frozen: bool | None = None  # None until the first write was tried

    def write(self, table: str, row: dict[str, Any]) -> None:
        """Writes a row in its own transaction; a refusal and a lost session are counted, not raised."""
        names, places = ", ".join(row), ", ".join(["%s"] * len(row))
        try:
            self._connected().execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))
        except psycopg.errors.ReadOnlySqlTransaction as error:
            self._note("refused", error)
            self._tell(frozen=True)
        except psycopg.OperationalError as error:
            self._note("lost_sessions", error)
            self.close()
        except psycopg.Error as error:
            self._note("failed", error)
            say(f"{table}: {error}".strip())
        else:
            self.counts[table] += 1
            self.last["written_at"] = now().isoformat()
            self._tell(frozen=False)

    def close(self) -> None:
        """Gives the connection up; the next write makes another."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self.connection is None:
            self.connection = connected(self.url)
            self.counts["sessions"] += 1
        return self.connection

    def _note(self, what: str, error: psycopg.Error) -> None:
        self.counts[what] += 1
        self.last[f"{what}_at"] = now().isoformat()
        self.last["error"] = (str(error).strip() or type(error).__name__).splitlines()[0]

    def _tell(self, *, frozen: bool) -> None:
        if self.frozen is not None and frozen != self.frozen:
            refused = self.counts["refused"]
            say("writes are refused" if frozen else f"writes go through again, {refused} were refused")
        self.frozen = frozen


def connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A session as the old application opens it."""
    return psycopg.connect(url, autocommit=True, connect_timeout=3, application_name="covenant-flask")


class Writer(threading.Thread):
    """Writes a gift, a prayer or a member at a steady pace, whatever the database answers."""

    def __init__(self, url: str, per_second: float) -> None:
        super().__init__(daemon=True)
        self.database, self.pause = Database(url), 1 / per_second

    def run(self) -> None:
        """Never ends by itself."""
        while True:
            table, row = random.choice([gift, gift, gift, prayer, prayer, member])()
            self.database.write(table, row)
            time.sleep(self.pause)

    def stats(self) -> dict[str, Any]:
        """Counts since the start: rows by table, refused writes, lost sessions, and the last moments."""
        counts = self.database.counts
        tables = ("donations", "prayer_requests", "members")
        return {
            "written": {name: counts[name] for name in tables},
            **{name: counts[name] for name in ("refused", "lost_sessions", "failed", "sessions")},
            "read_only": self.database.frozen,
            **self.database.last,
        }


def home(url: str) -> Answer:
    """The start page, read from the database, which goes on through a freeze."""
    with connected(url) as connection:
        gifts = connection.execute(
            "SELECT donor_name, amount, currency FROM donations"
            " WHERE donor_name IS NOT NULL ORDER BY id DESC LIMIT 5"
        ).fetchall()
        count = connection.execute("SELECT count(*) FROM members").fetchone()
    listed = "".join(f"<li>{html.escape(name)}: {amount} {currency}</li>" for name, amount, currency in gifts)
    return Answer(200, PAGE.format(gifts=listed, members=f"{count[0] if count else 0:,}"))


def healthy(url: str) -> Answer:
    """200 while the database answers, else 503."""
    try:
        with connected(url) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return Answer(503, {"status": "down", "error": type(error).__name__})
    return Answer(200, {"status": "ok"})


def main() -> None:
    """Serves until SIGTERM."""
    url = os.environ["DATABASE_URL"]
    writer, reads = Writer(url, float(os.environ.get("WRITES_PER_SECOND", "4"))), LegacyReads(url)

    def answering(asked: Asked) -> Answer:
        pages = {
            "/": lambda: home(url),
            "/healthz": lambda: healthy(url),
            "/health/live": lambda: healthy(url),
            "/churches": lambda: home(url),
            "/events": lambda: home(url),
            "/stats": lambda: Answer(200, writer.stats()),
        }
        if asked.method != "GET" or asked.path not in pages:
            return reads.answer(asked) or Answer(404, {"error": "not found"})
        return pages[asked.path]()

    writer.start()
    serve(int(os.environ["PORT"]), Counted(answering), name="old-app")


if __name__ == "__main__":
    main()
