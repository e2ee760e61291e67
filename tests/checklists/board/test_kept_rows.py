"""Rows that are kept for pages are those that the database has at this moment, whatever wrote last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checklists.board import Board
from checklists.board.kept_rows import KeptRows, kept_rows
from checklists.board.rows import BoardRows
from checklists.models import Cutover, Member
from checklists.models.masked_rows import found_values
from checklists.states import Direction
from tests.by_hand import by_hand
from tests.checklists import histories
from tests.checklists.histories import STEPS, make_cutover, person

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ("", "?wall", "runbook/", "items/look/", "gates/go/", "status/", "problems/", "record/", "rollback/")


@pytest.fixture
def kept() -> KeptRows:
    return KeptRows()


def plain(value: Any) -> Any:
    """All that rows hold, to compare it: models are equal to others with the same key."""
    if isinstance(value, Model):
        own = {name: plain(one) for name, one in vars(value).items() if name[0] != "_"}
        return type(value).__name__, own
    if is_dataclass(value):
        names = [field.name for field in fields(value) if field.name != "now"]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def fresh(cutover: Cutover) -> Cutover:
    return Cutover.objects.select_related("runbook").get(pk=cutover.pk)


def is_used(kept: KeptRows, cutover: Cutover) -> bool:
    """Whether this load uses what was kept; its rows are those of the database in any case."""
    with CaptureQueriesContext(connection) as asked:
        rows = kept.load(fresh(cutover))
    assert plain(rows) == plain(BoardRows.load(fresh(cutover)))
    return len(asked) < 6


def test_while_nothing_is_written_rows_are_read_once_and_time_goes_on(kept: KeptRows) -> None:
    cutover = make_cutover("signed")
    first = kept.load(fresh(cutover))
    assert is_used(kept, cutover)
    second = kept.load(fresh(cutover))
    assert second.items is first.items
    assert second.now > first.now


def test_a_write_to_any_table_is_seen(kept: KeptRows) -> None:
    cutover, tried = make_cutover("celebrated"), set[str]()
    for model in apps.get_models():
        if not model.objects.exists():
            continue
        is_used(kept, cutover)
        assert is_used(kept, cutover), model
        column, table = model._meta.pk.column, model._meta.db_table
        with by_hand(), connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{table}" SET "{column}" = "{column}"')
        assert not is_used(kept, cutover), model
        tried.add(model.__name__)
    assert tried >= {"Item", "Phase", "Attempt", "Evidence", "Tick", "SignOff", "GatePass", "GateEvidence"}
    assert tried >= {"Member", "MemberChange", "User", "Cutover", "Runbook", "AuditEntry"}


def test_what_people_do_is_on_the_next_board(kept: KeptRows) -> None:
    cutover = make_cutover()
    for step in STEPS[1:]:
        kept.load(fresh(cutover))
        getattr(histories, f"_{step}")(fresh(cutover))
        assert not is_used(kept, cutover), step
        assert is_used(kept, cutover), step
    with by_hand():
        User.objects.filter(username="efua").update(is_active=False)
    assert not is_used(kept, cutover)
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("kofi")).delete()
    assert not is_used(kept, cutover)


def test_what_another_session_commits_later_is_seen_then(kept: KeptRows) -> None:
    cutover = make_cutover("looked")
    info = connection.connection.info
    address = f"host={info.host} port={info.port} dbname={info.dbname} user={info.user}"
    with psycopg.connect(address, password=info.password) as other:
        other.execute("UPDATE auth_user SET first_name = 'Renamed' WHERE username = 'ama'")
        kept.load(fresh(cutover))
        assert is_used(kept, cutover), "the other transaction is still under way"
    assert not is_used(kept, cutover)
    names = {member.person.first_name for member in kept.load(fresh(cutover)).members}
    assert "Renamed" in names


def test_rows_that_were_read_while_something_was_written_are_not_kept(
    kept: KeptRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutover, read = make_cutover(), BoardRows.load

    def write_meanwhile(of: Cutover) -> BoardRows:
        with by_hand():
            User.objects.filter(username="ama").update(first_name="Ama")
        return read(of)

    monkeypatch.setattr(BoardRows, "load", write_meanwhile)
    kept.load(fresh(cutover))
    assert not kept._kept


def test_rows_are_used_only_for_a_cutover_that_was_read_as_they_were(kept: KeptRows) -> None:
    """A request has read the cutover before; a rollback may have been ordered since."""
    cutover = make_cutover("looked")
    kept.load(fresh(cutover))
    older = fresh(cutover)
    older.direction = Direction.ROLLBACK
    assert kept.load(older).items is not kept.load(fresh(cutover)).items


def test_who_only_watches_has_rows_of_their_own(kept: KeptRows) -> None:
    cutover = make_cutover("looked")
    shown = kept.load(fresh(cutover))
    with found_values(shown=False):
        hidden = kept.load(fresh(cutover))
        assert kept.load(fresh(cutover)).items is hidden.items
    assert hidden.items is not shown.items
    assert kept.load(fresh(cutover)).items is shown.items


def test_within_a_transaction_rows_are_read_anew(kept: KeptRows) -> None:
    """What it has written itself does not show in its snapshot."""
    cutover = make_cutover()
    kept.load(fresh(cutover))
    with transaction.atomic(), by_hand():
        User.objects.filter(username="ama").update(first_name="Renamed")
        assert "Renamed" in {member.person.first_name for member in kept.load(fresh(cutover)).members}
        transaction.set_rollback(True)


def test_pages_leave_kept_rows_as_they_are(settings) -> None:
    plain_files = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain_files}
    cutover = make_cutover("celebrated")
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(person("ama"), backend="django.contrib.auth.backends.ModelBackend")
    for page in PAGES:  # the gate's remembers what was seen there
        browser.get(f"/cutovers/{cutover.slug}/{page}")
    kept_rows.cache_clear()
    rows = kept_rows.load(fresh(cutover))
    before = plain(rows)
    for page in PAGES:
        assert browser.get(f"/cutovers/{cutover.slug}/{page}").status_code == 200
    assert kept_rows.load(fresh(cutover)).items is rows.items, "the pages have used them"
    after = plain(rows)
    assert {**after, "evidence": None} == {**before, "evidence": None}
    assert Board.load_for_page(fresh(cutover)).items.keys() == {item.key for item in rows.items}
