"""What an earlier version stored: it migrates, every page of it opens, and its record is still whole.

The database, its states and the exported records were kept at commit 1d104b9; how they were made is said in
tests/fixtures/played_at_1d104b9/README.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from checklists.models import Attempt, AuditEntry, Cutover, Item, ParityResult, RowDifference, TableProgress
from integrations.clients import pgtools
from tests.checklists.earlier_panel import KEPT, manage, migrate, restore

VERIFIER_OF_THEN = KEPT / "verify_record.txt"
STATES: dict[str, Any] = json.loads((KEPT / "states.json").read_text())
CUTOVERS: dict[str, Any] = STATES["cutovers"]
PASSWORD = "a long enough passphrase"


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names_and_no_rate_limits(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def people(earlier: str) -> None:
    """The dump keeps no passwords; the lead is made an admin too, before whom every door is open."""
    for person in User.objects.filter(username__in=["kwame", "ama"]):
        person.is_staff = person.is_superuser = person.username == "kwame"
        person.set_password(PASSWORD)
        person.save()


def test_nothing_is_left_to_migrate(earlier: str) -> None:
    done = manage(earlier, "migrate", "--check")
    assert done.returncode == 0, done.stdout


def test_its_tables_are_those_of_a_new_panel(earlier: str, new_database: Callable[[], str]) -> None:
    """It went through every migration; a new panel makes its tables in one step (migration 0031)."""
    fresh = new_database()
    migrate(fresh)
    ran = "SELECT name FROM django_migrations WHERE app = 'checklists' AND name LIKE '0030%'"
    with psycopg.connect(earlier) as one, psycopg.connect(fresh) as other:
        assert one.execute(ran).fetchall() == other.execute(ran).fetchall() != []
    # What was restored once is spelled with more casts than what a migration made, and `earlier` was restored
    # after it was migrated: restore both once more.
    again = [new_database(), new_database()]
    for made, copy in zip((earlier, fresh), again, strict=True):
        with psycopg.connect(copy) as connection:
            connection.execute("\n".join(definitions(made)).encode())
    assert definitions(again[0]) == definitions(again[1])


def definitions(database: str) -> list[str]:
    """Tables with columns in their order, constraints, indexes, triggers, functions, owners and rights."""
    argv = [str(pgtools.choose(18).dump), "--schema-only", database]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict ", line)]
    assert sum(line.startswith("CREATE TRIGGER") for line in lines) > 100
    return lines


def test_every_row_is_still_there(earlier: str) -> None:
    models = {name: apps.get_model("checklists", name) for name in STATES["rows"]}
    assert {name: model.objects.count() for name, model in models.items()} == STATES["rows"]


@pytest.mark.parametrize("slug", CUTOVERS)
def test_cutovers_and_attempts_are_in_the_state_that_they_were_in(earlier: str, slug: str) -> None:
    cutover, then = Cutover.objects.get(slug=slug), CUTOVERS[slug]
    attempts = Attempt.objects.filter(cutover=cutover).select_related("item")
    assert {name: getattr(cutover, name) for name in ("status", "direction", "epoch")}.items() <= then.items()
    assert sorted(f"{one.item.key} {one.number} {one.status}" for one in attempts) == sorted(then["attempts"])


@pytest.mark.parametrize("slug", CUTOVERS)
def test_the_runbook_shows_every_item_in_the_state_that_it_was_in(people: None, slug: str) -> None:
    html = browser_of("ama").get(f"/cutovers/{slug}/runbook/").content.decode()
    rows = re.findall(r'<li\s[^>]*id="item-([\w-]+)"\s+data-state="(\w+)"', html)
    assert dict(rows) == CUTOVERS[slug]["items"]


# ── every page ───────────────────────────────────────────────────────────────

Row = dict[str, object]
C = "cutovers/<slug:slug>/"
COMMANDS = ("tick", "untick", "skip", "unskip", "claim", "hand-over", "release", "note")


def of_attempts(**filters: Any) -> Iterator[Row]:
    for attempt in Attempt.objects.filter(**filters).select_related("cutover", "item").distinct():
        yield {
            "slug": attempt.cutover.slug,
            "key": attempt.item.key,
            "number": attempt.number,
            "attempt_id": attempt.pk,
        }


def of_evidence() -> Iterator[Row]:
    yield from of_attempts(evidence__isnull=False)


def of_earlier_attempts() -> Iterator[Row]:
    """Those that an item's page shows only when it is asked for them."""
    for row in of_attempts():
        later = Attempt.objects.filter(cutover__slug=row["slug"], item__key=row["key"])
        if later.filter(number__gt=row["number"]).exists():
            yield {**row, "?attempt": row["number"]}


def of_items(**filters: Any) -> Iterator[Row]:
    for item in Item.objects.filter(**filters).select_related("cutover"):
        yield {"slug": item.cutover.slug, "key": item.key}


def of_cutovers() -> Iterator[Row]:
    for cutover in Cutover.objects.all():
        yield {"slug": cutover.slug}


def of_comparisons() -> Iterator[Row]:
    yield from of_attempts(parity_results__isnull=False)


def of_compared_tables() -> Iterator[Row]:
    names = ("attempt__cutover__slug", "attempt_id", "table")
    results, progress = (model.objects.values_list(*names) for model in (ParityResult, TableProgress))
    for slug, attempt_id, table in {*results, *progress}:
        yield {"slug": slug, "attempt_id": attempt_id, "table": table}


def of_rows_that_differ() -> Iterator[Row]:
    for one in RowDifference.objects.select_related("attempt__cutover"):
        yield {"slug": one.attempt.cutover.slug, "attempt_id": one.attempt_id, "number": one.number}


def of_record_pages() -> Iterator[Row]:
    for cutover in Cutover.objects.all():
        for page in range(1, 2 + AuditEntry.objects.filter(cutover=cutover).count() // 100):
            yield {"slug": cutover.slug, "?page": page}


#: What an address with more than a cutover in it is filled with. What only commands are sent to, and what is
#: worked out from the same parameters in each cutover, is opened in the one that is still open.
FILLED: dict[str, Callable[[], Iterable[Row]]] = {
    f"{C}items/<slug:key>/": lambda: [*of_items(kind__in=["manual", "action"]), *of_earlier_attempts()],
    f"{C}items/<slug:key>/start/": lambda: of_items(kind="action", cutover__closed_at=None),
    f"{C}items/<slug:key>/preview/": lambda: of_items(kind="action", cutover__closed_at=None),
    f"{C}items/<slug:key>/attempts/<int:number>/log.txt": of_attempts,
    f"{C}items/<slug:key>/attempts/<int:number>/evidence.json": of_evidence,
    **{f"{C}items/<slug:key>/{name}/": lambda: of_items(key="announce-window") for name in COMMANDS},
    **{
        f"{C}attempts/<uuid:attempt_id>/{name}/": lambda: of_attempts(cutover__closed_at=None)
        for name in ("cancel", "probe", "reconcile")
    },
    f"{C}gates/<slug:key>/": lambda: of_items(kind="gate"),
    f"{C}gates/<slug:key>/sign/": lambda: of_items(kind="gate"),
    f"{C}parity/row/<uuid:attempt_id>/<int:number>/": of_rows_that_differ,
    f"{C}parity/<uuid:attempt_id>/": of_comparisons,
    f"{C}parity/<uuid:attempt_id>/<path:table>/": of_compared_tables,
    f"{C}parity/export/<uuid:attempt_id>/rows.csv": of_comparisons,
    f"{C}parity/export/<uuid:attempt_id>/tables.csv": of_comparisons,
    f"{C}parity/export/<uuid:attempt_id>/report.html": of_comparisons,
    f"{C}record/": of_record_pages,
}

#: Addresses that are not opened, and why not.
LEFT_OUT = {
    r"accounts/\^confirm-email/.*": "nobody confirms an e-mail address",
    r"accounts/\^password/reset/key/.*": "nobody resets a password",
    r"accounts/2fa/webauthn/keys/.*": "nobody has a passkey",
    r"accounts/oidc/.*": "no identity provider is set up",
    r"admin/(auth/group|account/\w+|mfa/\w+|socialaccount/\w+)/<.*": "there is no such row",
    r"admin/checklists/releasedvariable/<.*": "nobody has released a variable in it",
    r"cutovers/<slug:slug>/changes/.*": "no change was requested: that version knew none",
    r"cutovers/<slug:slug>/items/<slug:key>/before-window/": "in a rehearsal nothing waits for its window",
    r"cutovers/<slug:slug>/items/<slug:key>/files/.*": "nothing was handed in: that version knew no files",
    r"cutovers/<slug:slug>/gates/<slug:key>/no-gos/.*": "nobody said no-go in it",
    r"cutovers/<slug:slug>/status/links/.+": "nobody has made a link: that version knew none",
    r"s/<str:secret>/": "nobody has made a link: that version knew none",
    r"admin/r/.*": "no page leads there: no model shows itself on a site",
    r"admin/\^\(\?P<app_label>.*": "one line of admin/, which is opened",
    r"admin/\(\?P<url>.*": "answers for all that is no address",
}

#: What is answered to an admin who leads, and to a stakeholder, if not 200; the first match counts.
EXPECTED: tuple[tuple[str, int, int], ...] = (
    (r"health/ready", 503, 503),  # no worker runs here
    (
        r"accounts/(login|signup|3rdparty/signup|login/code/confirm|2fa/authenticate)/",
        302,
        302,
    ),  # is in already
    (r"accounts/2fa/(totp/deactivate|recovery-codes|recovery-codes/download)/", 404, 404),  # has none
    (r"accounts/2fa/(webauthn/)?reauthenticate/", 302, 302),  # has none: to the password
    (r"accounts/password/set/", 302, 302),  # has one: to its change
    (r"accounts/(password/reset/.*|email/|confirm-email/)", 404, 404),  # the panel sends no mail here
    (r"accounts/2fa/webauthn/login/", 302, 302),  # is in already
    (r"accounts/3rdparty/login/error/", 401, 401),
    (r"accounts/social/.*", 301, 301),  # where these pages were once
    (r"admin/login/", 302, 403),
    (r"admin/logout/", 405, 302),
    (r"admin/autocomplete/", 403, 302),
    (r"admin/checklists/releasedvariable/add/", 200, 302),
    (r"admin/mfa/authenticator/add/", 403, 302),  # a second factor is set up by its owner
    (r"admin/checklists/\w+/(<path:object_id>/delete|add)/", 403, 302),  # neither adds nor deletes
    (r"admin/.*/<path:object_id>/", 302, 302),
    (r"admin/.*", 200, 302),  # to the admin's own sign-in
    (r"", 200, 302),  # who watches one open cutover comes to its page for everyone
    (r"open/", 200, 403),
    (rf"{C}(rollback|close|runbook/amend|hosts/dead|window|status/links)/", 200, 403),
    (rf"{C}record/export/", 200, 403),  # it has what actions found
    (rf"{C}(preflight|runbook/confirmation)/", 405, 405),  # only ever sent
    (rf"{C}items/<slug:key>/attempts/<int:number>/log.txt", 200, 403),  # people who only watch see no logs
    (rf"{C}items/<slug:key>/({'|'.join(COMMANDS)})/", 405, 405),  # only ever sent
    (
        rf"{C}(items/<slug:key>/(start|preview)|attempts/.*|gates/<slug:key>/sign)/",
        302,
        403,
    ),  # back to the item
)


def routes(patterns: Iterable[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """Every address that the URLconf knows, as it is written there."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def rows_for(route: str) -> Iterable[Row]:
    """What the address is filled with; nothing when nobody has said."""
    if route in FILLED:
        return FILLED[route]()
    if shown := re.fullmatch(r"admin/(\w+)/(\w+)/<(?:path:object_)?id>/\w*/?", route):
        first = apps.get_model(shown[1], shown[2])._default_manager.first()
        return [{"object_id": first.pk, "id": first.pk}] if first else []
    names = re.findall(r"<(?:\w+:)?(\w+)>", route)
    return {"": lambda: [{}], "slug": of_cutovers}.get(" ".join(names), list)()


def filled(route: str, row: Row) -> str:
    """The address of one row; names that begin with ? are its query."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: quote(str(row[name[1]])), route)
    query = "&".join(f"{name[1:]}={value}" for name, value in row.items() if name.startswith("?"))
    return f"/{path}?{query}" if query else f"/{path}"


def browser_of(name: str) -> Client:
    """A browser in which that person has just signed in, and given the password once more."""
    client = Client()
    for page, said in (
        ("login", {"login": name, "password": PASSWORD}),
        ("reauthenticate", {"password": PASSWORD}),
    ):
        answer = client.post(f"/accounts/{page}/", said)
        assert answer.status_code == 302, answer.content.decode()
    return client


def opened(session: requests.Session, address: str) -> int:
    """Reads an answer to its end, and of a stream its beginning."""
    with session.get(address, stream=True, allow_redirects=False, timeout=60) as answer:
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            assert next(answer.iter_lines()).startswith(b"retry:")
        else:
            assert len(answer.content) >= int(answer.headers.get("Content-Length", 0))
        return answer.status_code


def expected(route: str) -> tuple[int, int]:
    """To an admin who leads, to a stakeholder."""
    return next(((lead, other) for what, lead, other in EXPECTED if re.fullmatch(what, route)), (200, 200))


def share_of(rows: Iterable[Row], each: int) -> list[Row]:
    """Of every cutover the first row and each so many after it."""
    of_cutover: defaultdict[object, list[Row]] = defaultdict(list)
    for row in rows:
        of_cutover[row.get("slug")].append(row)
    return [row for some in of_cutover.values() for row in some[::each]]


def test_a_share_has_the_first_row_of_every_cutover_and_each_row_in_its_turn() -> None:
    rows: list[Row] = [{"slug": slug, "number": number} for slug in "ab" for number in range(5)]
    numbers = [(row["slug"], row["number"]) for row in share_of(rows, 3)]
    assert numbers == [("a", 0), ("a", 3), ("b", 0), ("b", 3)]
    assert share_of(rows, 1) == rows


def wrongly_answered(session: requests.Session, port: int, who: int, each: int) -> dict[str, int]:
    """Opens every kind of address with a share of its rows; what was not answered as it should be."""
    wrong: dict[str, int] = {}
    for route in routes():
        for row in share_of(rows_for(route), each):
            address = filled(route, row)
            status = opened(session, f"http://127.0.0.1:{port}{address}")
            if status != expected(route)[who]:
                wrong[address] = status
    return wrong


def test_every_address_is_opened_or_left_out_for_a_reason(earlier: str) -> None:
    known = list(routes())
    left_out = {route for route in known if any(re.fullmatch(what, route) for what in LEFT_OUT)}
    assert {route for route in known if not list(rows_for(route))} == left_out
    patterns = [*LEFT_OUT, *(what for what, *_ in EXPECTED), *map(re.escape, FILLED)]
    assert not [what for what in patterns if not any(re.fullmatch(what, route) for route in known)]


@pytest.mark.property
@pytest.mark.timeout(
    1800
)  # all rows are some 700 pages; a machine that is busy with something else needs longer
@pytest.mark.parametrize(
    ("who", "name", "each"), [(0, "kwame", 6), (1, "ama", 12)], ids=["admin", "stakeholder"]
)
def test_every_page_opens(
    people: None, port: int, request: pytest.FixtureRequest, who: int, name: str, each: int
) -> None:
    """Every kind of address, of every cutover that has it.

    In the suite the admin opens each sixth row of a cutover, and a stakeholder, for whom the same pages leave
    something out, each twelfth; in a round of a long run both open every row.
    """
    each = 1 if request.config.getoption("--property-round") else each
    cookie = browser_of(name).cookies[django_settings.SESSION_COOKIE_NAME]
    with requests.Session() as session:
        session.cookies.set(cookie.key, cookie.value)
        assert wrongly_answered(session, port, who, each) == {}


# ── the record ───────────────────────────────────────────────────────────────


def test_every_chain_is_whole(earlier: str) -> None:
    done = manage(earlier, "record", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    for slug in CUTOVERS:
        assert f"{slug}: The chain is whole" in done.stdout


def test_the_database_still_refuses_to_change_the_record(earlier: str) -> None:
    for change in (lambda: AuditEntry.objects.update(kind="x"), lambda: AuditEntry.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_changed_dump_is_found_out(new_database: Callable[[], str]) -> None:
    """Of three chains one is told to be broken, at the link whose words are others now."""
    database = new_database()
    restore(database, lambda dump: dump.replace("The mail went to the wrong list.", "The mail was late."))
    migrate(database)
    done = manage(database, "record", "verify")
    assert done.returncode == 1
    assert "third-rehearsal: THE CHAIN IS BROKEN at link 7." in done.stdout
    assert done.stdout.count("The chain is whole") == len(CUTOVERS) - 1


def verified(verifier: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    """What a verifier says in a Python that cannot see the panel."""
    argv = [sys.executable, "-I", "-S", str(verifier), *map(str, files)]
    return subprocess.run(argv, capture_output=True, text=True, cwd="/", check=False)


def exported(database: str, slug: str, folder: Path) -> tuple[Path, Path]:
    """The record as it is exported now, and the verifier that comes with it."""
    done = manage(database, "record", "export", slug, str(folder / "now.json"))
    assert done.returncode == 0, done.stderr
    return folder / "now.json", folder / "verify_record.py"


@pytest.mark.parametrize("slug", CUTOVERS)
def test_the_verifier_of_now_and_the_one_of_then_verify_both_exports(
    earlier: str, tmp_path: Path, slug: str
) -> None:
    then = KEPT / f"{slug}.json"
    now, verifier = exported(earlier, slug, tmp_path)
    for program in (verifier, VERIFIER_OF_THEN):
        done = verified(program, now, then)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "It continues the earlier export." in done.stdout


def test_a_changed_export_is_found_out(earlier: str, tmp_path: Path) -> None:
    _, verifier = exported(earlier, "first-rehearsal", tmp_path)
    record = json.loads((KEPT / "first-rehearsal.json").read_text())
    record["links"][99]["actor"] = "somebody else"
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(record))
    done = verified(verifier, changed)
    assert done.returncode == 1
    assert "BROKEN at link 100" in done.stdout
