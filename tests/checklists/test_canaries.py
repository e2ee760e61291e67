"""No secret comes out of any action: not from previews, starts, results, failures, pages, exports or logs.

Every registered action is carried out through the panel's own path, in two worlds: in the first, servers and
programs answer, and repeat what they were sent; in the second they refuse with everything they were sent. The
suite runs each action in the first and previews it in the second; a long run does everything in both, for
each driver.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import yaml
from django.db import connection
from django.test import Client
from django.urls import reverse

from checklists import executor, services
from checklists.executor import preview_run
from checklists.executor.launch import launch_preview
from checklists.models import Attempt, Cutover, Item, ItemPreview
from tests.allowed import allow
from tests.checklists.canaries.items import list_actions, make_items
from tests.checklists.canaries.stand_ins import http_echo, line_echo, make_programs, postgres_echo
from tests.checklists.canaries.systems import Ports, SystemMaker
from tests.checklists.canaries.words import ENDS, Canaries, Canary
from tests.checklists.histories import ended, person
from tests.released import release

AT_ONCE = 6  # attempts that run at the same time
GATE = "decide"
#: Every page of a cutover beside those of its items, read for each so many cutovers.
PAGES = (
    *("cutover", "runbook", "problems", "record", "people", "status", "status-links", "cutover-rollback"),
    *("amend", "window", "cutover-close"),
)
EACH = 12
SETTINGS = ("KEY", "MAIL_PASSWORD", "SESSION_SECRET", "PLAIN_NAME")


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def canaries() -> Canaries:
    found = Canaries()
    own = {name: os.environ[name] for name in ("SECRET_KEY", "CUTOVER_SECRET_KEYS")}
    found.all += [Canary(name, value, (value.rstrip("="),)) for name, value in own.items()]
    return found


@pytest.fixture
def new_login(new_database: Callable[[], str]) -> Iterator[Callable[[str], str]]:
    """Makes roles of a real database, each with the password that is asked for; they are dropped."""
    url, roles = new_database(), list[str]()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create table people (id int primary key, name text, word text)")
        admin.execute("insert into people values (1, 'Ama', 'x')")

        def make(password: str) -> str:
            roles.append(f"canary_{os.getpid()}_{len(roles)}")
            role = psycopg.sql.Identifier(roles[-1])
            admin.execute(
                psycopg.sql.SQL("create role {} login password {}").format(
                    role, psycopg.sql.Literal(password)
                )
            )
            admin.execute(psycopg.sql.SQL("grant all on all tables in schema public to {}").format(role))
            where = urlsplit(url)
            login = f"{roles[-1]}:{quote(password, safe='')}"
            return f"postgresql://{login}@{where.hostname}:{where.port}{where.path}"

        yield make
        for name in roles:
            role = psycopg.sql.Identifier(name)
            admin.execute(psycopg.sql.SQL("drop owned by {0} cascade; drop role {0}").format(role))


@pytest.fixture
def worlds(
    canaries: Canaries, new_login: Callable[[str], str], tmp_path: Path
) -> Iterator[dict[str, SystemMaker]]:
    """Stand-ins that listen, and the systems of each world."""
    with ExitStack() as stack:
        refusing = stack.enter_context(postgres_echo())
        logins = {
            "echo": new_login,
            "refuse": lambda plain: (
                f"postgresql://canary:{quote(plain, safe='')}@127.0.0.1:{refusing}/canary"
            ),
        }
        made = {}
        for world, login in logins.items():
            folder = tmp_path / world
            folder.mkdir()
            make_programs(folder / "bin", code=0 if world == "echo" else 3)
            allow(folder / "bin" / "program")
            lines = [f"{name}={canaries.new(f'{name} of the file ({world})')}" for name in SETTINGS]
            (folder / "settings.env").write_text("\n".join(lines))
            token = canaries.new(f"token of a sign-in ({world})")
            ports = Ports(
                http=stack.enter_context(http_echo(token, refuses=world == "refuse")),
                redis=stack.enter_context(line_echo(b"-ERR you said ")),
                lines=stack.enter_context(line_echo(b"you said ")),
                login=login,
            )
            made[world] = SystemMaker(canaries, ports, folder, world)
        yield made


def open_cutover(key: str, canaries: Canaries, worlds: dict[str, SystemMaker], *, all_ways: bool) -> Cutover:
    """A rehearsal with an item of the action for each world and driver; its variables are set."""
    items, systems = list[dict[str, Any]](), dict[str, Any]()
    for world, maker in worlds.items():
        of_world = make_items(key, canaries, world, str(maker.folder), all_ways=all_ways)
        used = json.dumps(of_world)
        systems |= maker.make(f'{used} "http-{world}"', of=key)
        items += of_world
    slug = key.replace(".", "-").replace("_", "-")
    runbook = {
        **{"name": slug, "title": key, "timezone": "UTC", "roles": {"lead": "Migration lead"}},
        **{"seats": {"technical": "Technical"}, "systems": systems},
        "phases": [{"key": "all", "title": "All", "items": [*items, make_gate(items)]}],
    }
    text = yaml.safe_dump(runbook, allow_unicode=True)
    os.environ.update(canaries.environment)
    release(text)
    loaded = services.load_runbook(text=text, by=None)
    return services.open_cutover(runbook=loaded, kind="REHEARSAL", title=key, slug=slug, by=person("ama"))


def make_gate(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A gate that shows what the actions have found."""
    needs = [item["key"] for item in items]
    evidence = [{"item": item["key"]} for item in items if item["kind"] == "action"]
    gate = {"key": GATE, "title": "Go?", "kind": "gate", "owner": "lead", "seats": ["technical"], "quorum": 1}
    return {**gate, "needs": needs, "evidence": evidence}


@pytest.fixture
def nights(
    transactional_db: None,
    canaries: Canaries,
    worlds: dict[str, SystemMaker],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[list[Cutover]]:
    """A rehearsal for each action. In a long run it has an item for each driver and further way."""
    monkeypatch.setenv("PATH", f"{worlds['echo'].folder}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(preview_run, "TIMEOUT", 5)
    all_ways = bool(request.config.getoption("--property-round"))
    only = os.environ.get("ONLY", "").split(",")
    yield [
        open_cutover(key, canaries, worlds, all_ways=all_ways)
        for key in list_actions()
        if only == [""] or key in only
    ]
    for name in canaries.environment:
        del os.environ[name]


@contextmanager
def output_in(file: Path) -> Iterator[None]:
    """Everything that this process and those that it starts write, and what the panel logs."""
    handlers = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    with file.open("w") as opened, ExitStack() as stack:
        for number in (1, 2):
            saved = os.dup(number)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, number)
            os.dup2(opened.fileno(), number)
        for handler in handlers:
            stack.callback(handler.setStream, handler.stream)
            handler.setStream(opened)
        yield


def in_batches(keys: list[str], launch: Callable[[str], int | None]) -> None:
    """Starts a process for each, some at a time, and waits for them."""
    for at in range(0, len(keys), AT_ONCE):
        for pid in [launch(key) for key in keys[at : at + AT_ONCE]]:
            if pid is not None:
                os.waitpid(pid, 0)
        executor.record_heartbeat("reaper")


def ask_previews(items: list[Item]) -> None:
    for item in items:
        services.request_preview(item=item, by=person("ama"))
    in_batches([str(pk) for pk in ItemPreview.objects.values_list("pk", flat=True)], launch_preview)


def start_all(items: list[Item]) -> list[str]:
    """Starts items; gives what the panel said where it refused. What they need has succeeded."""
    said = []
    for item in items:
        give_results(item)
        try:
            services.start_attempt(item=item, by=person("ama"))
        except services.CommandRefused as refusal:
            said.append(f"{item.key}: {refusal.what} {refusal.means} {refusal.next}")
    return said


def give_results(item: Item) -> None:
    """Lets what the item needs succeed where it has not: its evidence says nothing."""
    for key in item.needs:
        of_item = Attempt.objects.filter(cutover=item.cutover_id, item__key=key)
        if not of_item.filter(status__in=["SUCCEEDED", "QUEUED"]).exists():
            ended(item.cutover, key, facts={})


def run_all() -> None:
    """Runs what is queued; some wait for the resources of others."""
    until = time.monotonic() + 900
    while queued := [str(pk) for pk in Attempt.objects.filter(status="QUEUED").values_list("pk", flat=True)]:
        assert time.monotonic() < until, queued
        executor.record_heartbeat("reaper")
        in_batches(queued, executor.launch_guard)


def list_stored() -> Iterator[str]:
    """Every row of every table of the panel."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")
            yield from (f"{table}: {row[0]}" for row in cursor.fetchall())


def list_pages(nights: list[Cutover]) -> Iterator[str]:
    """What a lead reads: item, gate and export of the record of each cutover, and of some every page."""
    browser = Client()
    browser.force_login(person("ama"))
    for night in nights:
        item = Item.objects.filter(cutover=night, action=night.title, key__endswith="echo").first()
        assert item is not None
        more = ["record-export", *(PAGES if night in nights[::EACH] else ())]
        gate = reverse("gate", args=[night.slug, GATE])
        for address in (item.get_absolute_url(), gate, *(reverse(name, args=[night.slug]) for name in more)):
            answer = browser.get(address)
            assert answer.status_code == 200, address
            yield f"{address}: {answer.getvalue().decode()}"


def choose_items(nights: list[Cutover], world: str, *, everything: bool) -> list[Item]:
    """The items of each action itself in one world, or all items."""
    items = Item.objects.select_related("cutover").order_by("pk")
    if everything:
        return list(items)
    return [next(item for item in items if item.cutover_id == night.pk and item.action == night.title
                 and item.key.endswith(world)) for night in nights]  # fmt: skip


@pytest.mark.property
@pytest.mark.timeout(1500)
def test_no_canary_comes_out(
    nights: list[Cutover], canaries: Canaries, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    output, everything = tmp_path / "output.txt", bool(request.config.getoption("--property-round"))
    with output_in(output):
        ask_previews(choose_items(nights, "refuse", everything=everything))
        said = start_all(choose_items(nights, "echo", everything=everything))
        run_all()
    leaks = canaries.find([*list_stored(), *list_pages(nights), *said, output.read_text()])
    assert not leaks, "\n".join(f"{place}: {around}" for place, around in sorted(leaks.items()))
    assert Attempt.objects.filter(effect_started_at__isnull=False).count() > len(nights) * 0.8
    assert ItemPreview.objects.exclude(status="LOST").count() >= len(nights)


def test_each_canary_is_found_however_it_is_written(canaries: Canaries) -> None:
    """The search itself: a test of leaks that finds none would say nothing."""
    value = canaries.new_with_signs("a place")
    for text in (
        *(value, quote(value), json.dumps({"a": value}), shlex.quote(value), repr(value), html.escape(value)),
        *(base64.b64encode(f"{before}{value}".encode()).decode() for before in ("", "a", "ab")),
        *(value.encode().hex(), value[:ENDS], value[-ENDS:]),
    ):
        assert canaries.find([f"before {text} after"]).keys() == {"a place"}, text
    assert canaries.find(["nothing"]) == {}
