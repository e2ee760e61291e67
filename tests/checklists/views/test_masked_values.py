"""No value of a row comes to people who only watch, on no page and in no stream; those who work here see it.

The addresses come from the URLconf and from the links of the pages, so that a new page is covered.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.test import AsyncClient, Client
from django.urls import reverse

from checklists import services
from checklists.board import Board
from checklists.board.gate import rules_of
from checklists.board.views import GateRules
from checklists.executor.writers.preflight import digest_of_results, store_results
from checklists.models import Attempt, AuditEntry, Backup, Cutover, GatePass, LogLine, PreflightRun
from checklists.models.audit import database_now
from checklists.models.masked_rows import found_values
from checklists.states import AttemptStatus
from integrations.actions import registry
from integrations.parity.result import DifferingRow, TableResult
from integrations.preflight import CheckResult, Verdict
from integrations.row_values import HIDDEN, SHOWN, mask_facts
from tests.by_hand import by_hand
from tests.checklists.canaries.words import Canaries
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, previewed, sign, verify
from tests.checklists.views.hostile_requests import routes
from tests.checklists.views.test_parity import compared
from tests.integrations.test_moving_facts import evidence_of, places

KEYS = ("look", "go", "change-it", "restore", "tidy")
OPEN_TO_ALL = ("admin/", "accounts/", "health/")  # no page of a cutover
ONE_MORE = (
    "      - {key: tidy, title: Tidy up, kind: action, owner: lead, action: sample.look, planned: 1m}\n"
)
LINK = re.compile(r"href=\"(/[^\"#]*\?[^\"#]*)")


def plant(cutover: Cutover, canaries: Canaries) -> None:
    """Everything that an action, a probe or a check can say, each with a value of a row in it."""
    new = canaries.new_with_signs
    facts = {
        "sql": {"where": "db/shop", "rows": 1, "value": new("a value of sql.check")},
        "rows": {"gifts": 1},
    }
    of_sql = {"action": "sql.check", "summary": new("a summary of sql.check")}
    ended(cutover, "look", facts={**facts, "warnings": [new("a warning")]}, **of_sql)
    sign(cutover, "efua", "technical")
    _plant_comparison(cutover, new)
    wrong = {"what": new("what a problem says"), "means": new("… means"), "next": new("… says to do")}
    failed = ended(cutover, "look", AttemptStatus.ERRORED, problem=wrong, action="sql.check")
    _plant_entries(failed, new)
    changed = {**facts, "sql": {"value": new("a changed value"), "answers": [{"x": new("a nested value")}]}}
    attempt = ended(cutover, "look", facts={**changed, "wrong": new("what is wrong")}, **of_sql)
    LogLine.objects.create(attempt=attempt, number=1, at=database_now(), text=new("a line of a log"))
    previewed(item_of(cutover, "look"), shown={"lines": [new("a preview")], "where": "x", "warnings": []})
    found = {"seen": "DONE", "saw": new("what a probe saw"), "facts": {"f": new("a fact of a probe")}}
    lost = {"unknown_reason": new("why it is unknown"), "finding": {**found, "dead": "yes", "at": "now"}}
    ended(cutover, "change-it", AttemptStatus.UNKNOWN, effect="AT_MOST_ONCE", **lost)
    ended(cutover, "tidy", AttemptStatus.ERRORED, problem=wrong)
    ended(cutover, "restore", AttemptStatus.RUNNING, progress_what=new("what is worked on"), progress_total=3)
    _plant_preflight(cutover, new)


def _plant_comparison(cutover: Cutover, new: Any) -> None:
    row = DifferingRow({"id": new("the key of a row")}, "changed", {"name": [new("a value before"), "y"]})
    table = TableResult("members", 9, 9, changed=1, digest="b" * 64, examples=[row])
    compared(cutover, table)


def _plant_entries(attempt: Attempt, new: Any) -> None:
    """As the executor writes them."""
    about = {"item": "look", "title": "Look at it", "attempt": attempt.pk, "number": attempt.number}
    append = AuditEntry.objects.append
    finding = {"saw": new("the finding of an entry"), "facts": {"x": new("a fact of an entry")}}
    said = {"note": new("a note of a probe"), "finding": finding}
    with transaction.atomic():
        append(attempt.cutover, "attempt.ended", by=None, **about, status="ERRORED", summary=new("an entry"))
        append(attempt.cutover, "attempt.probed", by=None, **about, **said)


def _plant_preflight(cutover: Cutover, new: Any) -> None:
    at = database_now()
    check = CheckResult(new("a subject"), Verdict.RED, "Is it right?", new("what is seen"), new("a change"))
    results = [{**check.as_facts("data.emails"), "title": "Every address is found", "items": ["look"]}]
    times = {"requested_at": at, "started_at": at, "ended_at": at}
    with by_hand():  # an executor gives them their past
        run = PreflightRun.objects.create(
            cutover=cutover, source="SCHEDULE", status="DONE", digest=digest_of_results(results), **times
        )
        store_results(run, results)
        backup = Backup.objects.create(
            attempt=cutover.attempts.filter(item__key="look").first(),
            **{"cutover": cutover, "path": "/b/1", "bytes": 1, "sha256": "a" * 64, "taken_at": at},
            facts={"rows": 3, "tables": 1, "warnings": [new("a warning of a backup")]},
        )
        verify(backup, cutover.attempts.get(item__key="look", number=2), equal=False, reason=new("a restore"))


def addresses(cutover: Cutover, *keys: str) -> list[str]:
    """Every address of the URLconf, for these items and everything else in this cutover that it can name."""
    known = {
        "slug": [cutover.slug],
        "key": list(keys),
        "attempt_id": [
            str(pk) for pk in cutover.attempts.filter(differences__isnull=False).values_list("pk", flat=True)
        ],
        "number": ["1"],
        "table": ["members"],
        "pk": ["1"],
        "secret": [_make_status_link(cutover)],
    }
    return [
        f"/{one}" for route in routes() if not route.startswith(OPEN_TO_ALL) for one in _fill(route, known)
    ]


def _make_status_link(cutover: Cutover) -> str:
    with transaction.atomic():
        lasts, nonce, by = timedelta(hours=1), uuid.uuid4(), person("ama")
        made = services.create_status_link(cutover=cutover, label="all", lasts=lasts, nonce=nonce, by=by)
    return made[1]


def _fill(route: str, known: dict[str, list[str]]) -> Iterator[str]:
    names = re.findall(r"<\w+:(\w+)>", route)
    for given in product(*(known[name] for name in names)):
        values = dict(zip(names, given, strict=True))
        yield re.sub(r"<\w+:(\w+)>", lambda found: values[found[1]], route)  # noqa: B023  # used at once


async def read_as(browser: AsyncClient, address: str) -> str:
    """What comes at this address: the head, the body, and of a stream its first second."""
    answer: Any = await browser.get(address)
    if not answer.streaming:
        return f"{address} {answer.status_code}: {dict(answer.headers)} {answer.content.decode()}"
    parts = list[bytes]()
    try:
        async with asyncio.timeout(1):
            parts += [part async for part in answer]
    except TimeoutError:
        pass
    return f"{address} {answer.status_code}: {b''.join(parts).decode()}"


def read_all(name: str, wanted: list[str], *, links: bool = False) -> dict[str, str]:
    """What this person gets at these addresses and, with ``links``, at those to which they lead."""
    session = Client()
    session.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")

    async def play() -> dict[str, str]:
        browser = AsyncClient(raise_request_exception=False)
        browser.cookies = session.cookies
        found = {address: await read_as(browser, address) for address in wanted}
        if links:
            more = {each.replace("&amp;", "&") for text in found.values() for each in LINK.findall(text)}
            found |= {address: await read_as(browser, address) for address in sorted(more - found.keys())}
        await sync_to_async(connections.close_all)()  # of the thread that ran the views
        return found

    def run() -> dict[str, str]:
        try:
            return asyncio.run(play())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


@pytest.mark.django_db(transaction=True)
def test_values_of_rows_are_seen_by_who_works_here_and_by_nobody_else(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    cutover, canaries = make_cutover("announced", text=RUNBOOK + ONE_MORE), Canaries()
    plant(cutover, canaries)
    stream = reverse("stream", args=[cutover.slug])
    logs = [f"{stream}?log={attempt.pk}&after=0" for attempt in cutover.attempts.filter(lines__isnull=False)]
    seen = read_all("ama", [*addresses(cutover, *KEYS), *logs], links=True)
    assert len(seen) > 60
    missed = {canary.place for canary in canaries.all} - canaries.find(seen.values()).keys()
    assert not missed, "a lead sees everything, so that this test would see it come out"
    watched = read_all("yaw", [address for address, text in seen.items() if f"{address} 405:" not in text])
    leaks = canaries.find(watched.values())
    assert not leaks, "\n".join(f"{place}: {around}" for place, around in sorted(leaks.items()))
    assert sum(" 200: " in text for text in watched.values()) > 30
    assert not [text[:200] for text in watched.values() if re.match(r"\S+ 5\d\d: ", text)]


def test_each_place_that_is_named_is_one_of_some_evidence() -> None:
    """A place that matches nothing is a mistake: it may be written wrong."""
    every = {place for action in registry().values() for place, _ in places(evidence_of(action))}
    known = {".".join(place.split(".")[:depth]) for place in every for depth in range(1, 9)}
    open_ended = {place.removesuffix(".*") for place, kind in _places_of_all() if kind is Any}
    assert [
        place
        for place in sorted(SHOWN | HIDDEN)
        if place not in known and not any(place.startswith(f"{each}.") for each in open_ended)
    ] == []


def _places_of_all() -> Iterator[tuple[str, Any]]:
    for action in registry().values():
        yield from places(evidence_of(action))


def test_what_nobody_has_declared_is_hidden() -> None:
    facts = {"sql": {"rows": 3, "value": "Ama", "later": "Esi"}, "new": {"rows": ["Ama"]}, "none": None}
    assert mask_facts(facts) == {
        "sql": {"rows": 3, "value": "•••", "later": "•••"},
        "new": "•••",
        "none": None,
    }
    tables = {"public.gifts": {"created": 1, "keys": {"created": ["7"]}}}
    assert mask_facts({"loss": {"tables": tables}}) == {
        "loss": {"tables": {"public.gifts": {"created": 1, "keys": "•••"}}}
    }


@pytest.mark.django_db
def test_a_row_that_was_read_masked_is_never_written_back() -> None:
    attempt = ended(make_cutover("announced"), "look", AttemptStatus.FAILED, summary="Ama gave 100.")
    with found_values(shown=False):
        masked = Attempt.objects.get(pk=attempt.pk)
    assert masked.summary != "Ama gave 100."
    with pytest.raises(RuntimeError, match="without the values"):
        masked.save(update_fields=["summary"])
    assert Attempt.objects.get(pk=attempt.pk).summary == "Ama gave 100."


@pytest.mark.django_db
def test_people_who_only_watch_see_a_gate_as_open_as_those_who_work_here() -> None:
    """Also one that passed under an earlier panel, whose digests covered the sentences of actions."""
    cutover = make_cutover("looked")
    with by_hand():
        Attempt.objects.filter(cutover=cutover).update(summary="Ama gave 100.")
        GatePass.objects.create(
            gate=item_of(cutover, "go"),
            digest=rules_of_gate(cutover).digest_of_version_1,
            digest_version=1,
            at=database_now(),
        )
    with found_values(shown=False):
        board = Board.load(Cutover.objects.get(pk=cutover.pk))
        gate = board.items["go"].gate
        assert gate is not None
        assert gate.passed
        assert "Ama" not in repr([fact.summary for fact in gate.facts])


def rules_of_gate(cutover: Cutover) -> GateRules:
    board = Board.load(Cutover.objects.get(pk=cutover.pk))
    return rules_of(board.items["go"], board.items, board.rows)
