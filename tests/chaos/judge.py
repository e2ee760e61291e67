"""Decides, from what lies outside of the panel, whether it has kept its promises. One function a property."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import CommandError

from checklists.executor.process.containment import SECONDS, choose_containment
from checklists.models import Attempt, BackupVerification, Cutover, HostDeath, Item, LogLine, SignOff
from checklists.states import AttemptStatus, Direction
from integrations.clients import pgtools
from integrations.programs import build_environment
from tests.chaos.evidence import SLACK, Evidence, add_property
from tests.chaos.name_server import NEW, OLD
from tests.chaos.runbook import PROGRAMS
from tests.chaos.surroundings import Surroundings

CLOCK = 0.02  # seconds: the start of a process is known to a hundredth


# ── effects ──────────────────────────────────────────────────────────────────
@add_property("no AT_MOST_ONCE effect twice")
def effects(evidence: Evidence) -> Iterator[str]:
    """By the programs' journal, and by Prisma's own table in each target."""
    for key, attempts in evidence.journal.effects().items():
        if PROGRAMS[key.partition(".")[2]][0] == "at_most_once" and len(attempts) > 1:
            yield f"{key} had its effect {len(attempts)} times, by {', '.join(attempts)}"
    for (name,) in evidence.around.execute("SELECT datname FROM pg_database WHERE datname LIKE 'prisma\\_%'"):
        yield from _migrations_twice(evidence, str(name))


def _migrations_twice(evidence: Evidence, database: str) -> Iterator[str]:
    if evidence.around.execute("SELECT to_regclass('_prisma_migrations')", database) == [(None,)]:
        return
    statement = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL"
    applied = Counter(str(row[0]) for row in evidence.around.execute(statement, database))
    twice = {name: times for name, times in applied.items() if times > 1}
    yield from (f"{database}: {name} was applied {times} times" for name, times in twice.items())


@add_property("no two attempts at once on a resource")
def overlaps(evidence: Evidence) -> Iterator[str]:
    """From the first to the last sign of life of an attempt nothing of another one may live."""
    by_resource = defaultdict(list)
    for life in evidence.journal.lives():
        by_resource[life.resource].append(life)
    for resource, lives in by_resource.items():
        for earlier, later in pairwise(lives):
            if (both := earlier.last - later.first) > CLOCK:
                yield f"{resource}: {later.key} began {both:.2f} s before {earlier.key} had ended"


@add_property("nothing forward after a rollback")
def rollbacks(evidence: Evidence) -> Iterator[str]:
    """No forward program started after the order was acknowledged; no name was switched after it was back."""
    ordered = {night.number: night.rollback_at for night in evidence.people.nights if night.rollback_at}
    for line in evidence.journal.all_of("start"):
        night, _, item = line["key"].removeprefix("night-").partition(".")
        at = ordered.get(int(night))
        if at is not None and not item.startswith("back-") and line["started"] > at + CLOCK:
            yield f"{line['key']} started {line['started'] - at:.2f} s after the order of rollback"
    yield from _switched_after_back(evidence.around.dns_journal)


def _switched_after_back(path: Path) -> Iterator[str]:
    back = set()
    for line in path.read_text().splitlines() if path.exists() else []:
        update = json.loads(line)
        if update["values"] == [OLD]:
            back.add(update["name"])
        elif update["values"] == [NEW] and update["name"] in back:
            yield f"{update['name']} was switched again after it had been switched back"


# ── nothing lost ─────────────────────────────────────────────────────────────
@add_property("nothing acknowledged is lost")
def acknowledged(evidence: Evidence) -> Iterator[str]:
    """Each command that a person was told is done has its rows."""
    attempts = {str(row.pk): row for row in Attempt.objects.all()}
    signed = {str(nonce) for nonce in SignOff.objects.values_list("nonce", flat=True)}
    ticked = set(Item.objects.exclude(done_at=None).values_list("pk", flat=True))
    turned = set(Cutover.objects.filter(direction=Direction.ROLLBACK).values_list("pk", flat=True))
    closed = set(Cutover.objects.exclude(closed_at=None).values_list("pk", flat=True))
    dead = set(HostDeath.objects.values_list("cutover", flat=True))
    latest: dict[tuple[int, str], int] = {}
    for cutover, key, number in Attempt.objects.values_list("cutover", "item__key", "number"):
        latest[cutover, key] = max(number, latest.get((cutover, key), 0))
    for said in evidence.people.acknowledged:
        row = attempts.get(said.attempt)
        there = {
            "start": row is not None,
            "decide": row is not None and row.status == AttemptStatus.RECONCILED,
            "sign": said.nonce in signed,
            "tick": said.item in ticked,
            "rollback": said.cutover in turned,
            "close": said.cutover in closed,
            "declare": said.cutover in dead,
            "start by form": latest.get((said.cutover, said.key), 0) > said.after,
        }
        if not there[said.command]:
            yield f"{said} is not in the database"


@add_property("logs are complete")
def logs(evidence: Evidence) -> Iterator[str]:
    """Numbers without gaps; the program's lines in order from the first, all of them when it succeeded."""
    printed = evidence.journal.printed()
    for attempt in Attempt.objects.exclude(fence=0):
        rows = list(attempt.lines.order_by("number").values_list("number", "text"))
        numbers = [number for number, _ in rows]
        if numbers != list(range(1, len(rows) + 1)) or attempt.log_next != len(rows) + 1:
            yield f"attempt {attempt.pk}: its lines have the numbers {numbers[:40]}"
        shown = [text for _, text in rows if re.match(r"line \d+ of ", text)]
        wrote = printed.get(str(attempt.pk), [])
        if shown != wrote[: len(shown)]:
            yield f"attempt {attempt.pk}: its log is not what its program printed, in that order"
        elif attempt.status == AttemptStatus.SUCCEEDED and len(shown) != len(wrote):
            yield f"attempt {attempt.pk} succeeded with {len(shown)} of {len(wrote)} lines in its log"


# ── nothing left ─────────────────────────────────────────────────────────────
@add_property("nothing is stuck")
def stuck(evidence: Evidence) -> Iterator[str]:
    """When the faults were over, every attempt came to an end."""
    for attempt in Attempt.objects.live().select_related("item"):
        saw = attempt.finding.get("saw", "")
        yield f"{attempt.item.key} #{attempt.number} is {attempt.status}: {saw}"[:300]


@add_property("nothing is orphaned")
def orphans(evidence: Evidence) -> Iterator[str]:
    """What an attempt started ended soon after its guard was killed, and nothing is left now."""
    limit = SECONDS[choose_containment()] + SLACK
    last = {life.attempt: life.last for life in evidence.journal.lives()}
    for kill in evidence.faults.kills:
        for attempt in kill.attempts:
            if (lived := last.get(attempt, 0.0) - kill.at) > limit:
                yield f"what {attempt} had started lived {lived:.1f} s after its guard"
    yield from (f"still runs: {line}" for line in evidence.panel.left_by_attempts())


# ── secrets, records, backups ────────────────────────────────────────────────
@add_property("no secret byte anywhere")
def secrets(evidence: Evidence) -> Iterator[str]:
    """In no row, no log, no file and no message: not as it is, and in none of its encodings."""
    forms = _forms(evidence.around.canary)
    dumped = _dump(evidence.around)
    yield from (f"the database has it: {_around(dumped, form)}" for form in forms if form in dumped)
    for path in evidence.around.folder.rglob("*"):
        if _may_hold_it(path, evidence.around):
            found = path.read_bytes()
            yield from (f"{path.name} has it: {_around(found, form)}" for form in forms if form in found)


def _forms(secret: str) -> list[bytes]:
    shifted = [base64.b64encode(b"x" * shift + secret.encode())[4 * bool(shift) : -4] for shift in range(3)]
    quoted = [urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), secret.encode().hex()]
    return [secret.encode(), *(form.encode() for form in quoted), *shifted]


def _dump(around: Surroundings) -> bytes:
    tools = pgtools.choose(18)
    words = [str(tools.dump), "--inserts", "--data-only", around.postgres.socket_url("cutover")]
    return subprocess.run(words, env=build_environment(), capture_output=True, check=True).stdout


def _may_hold_it(path: Path, around: Surroundings) -> bool:
    """Files of the panel, of the servers' logs and of Redis. PostgreSQL's own files are asked by a dump."""
    return path.is_file() and around.postgres.data not in path.parents and path.name != "zone.db"


def _around(text: bytes, form: bytes) -> str:
    at = text.index(form)
    return text[max(0, at - 60) : at].decode(errors="replace").replace("\n", " ") + "…"


@add_property("all records verify")
def records(evidence: Evidence) -> Iterator[str]:
    """`manage.py record verify` says so of every cutover."""
    if not Cutover.objects.exists():
        return
    said = io.StringIO()
    try:
        call_command("record", "verify", stdout=said)
    except CommandError as error:
        broken = [line for line in said.getvalue().splitlines() if "CHANGED" in line or "intact" not in line]
        yield f"{error} {' · '.join(broken)[:300]}"


@add_property("forged rows are refused")
def forgeries(evidence: Evidence) -> Iterator[str]:
    """By the database itself."""
    yield from (f"the database accepted {what}" for what in evidence.faults.forgeries.accepted)


@add_property("verified backups restore")
def backups(evidence: Evidence) -> Iterator[str]:
    """Each backup that the panel calls verified is restored once more, and compared with its source."""
    for verification in BackupVerification.objects.filter(equal=True).select_related("backup"):
        wrong = _why_not_restored(evidence.around, Path(verification.backup.path), verification.pk)
        if wrong:
            yield f"{verification.backup.path}: {wrong}"


def _why_not_restored(around: Surroundings, path: Path, number: int) -> str:
    database = f"restored_{number}"
    around.execute(f"CREATE DATABASE {database} TEMPLATE template0")
    url = around.postgres.socket_url(database)
    tools = pgtools.choose(18)
    words = [str(tools.restore), "--exit-on-error", "--no-owner", "--dbname", url, str(path / "dump")]
    done = subprocess.run(words, env=build_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        return f"pg_restore: {done.stderr.strip()[:200]}"
    statement = "SELECT count(*), md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o"
    try:
        same = around.execute(statement, database) == around.execute(statement, "shop")
    except psycopg.Error as error:
        return str(error)
    around.execute(f"DROP DATABASE {database}")
    return "" if same else "it has other rows than its source"


@add_property("no person met an unexpected error")
def crashes(evidence: Evidence) -> Iterator[str]:
    """Faults are refusals in words or errors of the database; anything else is a fault of the panel."""
    for text in evidence.people.crashes:
        yield " · ".join(text.strip().splitlines()[-3:])[:300]


def summarize(evidence: Evidence) -> dict[str, Any]:
    """How much was judged: a run in which nothing happened proves nothing."""
    statuses = Counter(Attempt.objects.values_list("status", flat=True))
    effects_had = Counter(Attempt.objects.exclude(effect_started_at=None).values_list("effect", flat=True))
    return {
        "nights": len(evidence.people.nights),
        "rollbacks": sum(night.rollback_at is not None for night in evidence.people.nights),
        "commands acknowledged": len(evidence.people.acknowledged),
        "… of them by pages": sum(said.by_page for said in evidence.people.acknowledged),
        "attempts": ", ".join(f"{n} {status}" for status, n in sorted(statuses.items())),
        "effects begun": ", ".join(f"{n} {effect}" for effect, n in sorted(effects_had.items())),
        "programs started": sum(1 for _ in evidence.journal.all_of("start")),
        "log lines": LogLine.objects.count(),
        "backups verified": BackupVerification.objects.filter(equal=True).count(),
        "damaged backups refused": BackupVerification.objects.filter(equal=False).count(),
        "forgeries refused": dict(evidence.faults.forgeries.refused),
    }
