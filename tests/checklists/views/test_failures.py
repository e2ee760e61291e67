"""A failure never hides that a command was carried out, and a full disk is reported in words."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory
from django.urls import reverse

from checklists.models import AuditEntry
from checklists.views import access, failures, runbook
from integrations.errors import explain_full_disk
from tests import servers
from tests.checklists.histories import item_of, make_cutover

pytestmark = pytest.mark.django_db


def address(cutover: Any, name: str, key: str) -> str:
    return reverse(name, args=[cutover.slug, key])


@pytest.mark.parametrize(
    "wanted", ["0", "a-word", "item", "\\evil", "//evil.example", "/" + "ä" * 3000, "\n/", ""]
)
@pytest.mark.parametrize("name", ["item-note", "item-claim"])
def test_a_strange_next_page_leads_to_the_page_of_the_form(browser_of: Any, wanted: str, name: str) -> None:
    cutover = make_cutover("opened")
    said = {"text": "seen", "next": wanted}
    answer = browser_of("ama").post(address(cutover, name, "announce"), said)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"/cutovers/{cutover.slug}/")


def test_an_error_after_a_commit_says_that_the_command_was_carried_out(
    browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> str:
        raise RuntimeError("the page failed")

    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    monkeypatch.setattr(access, "next_url", fail)
    before = AuditEntry.objects.count()
    answer = browser.post(address(cutover, "item-note", "announce"), {"text": "a note"})
    assert AuditEntry.objects.count() == before + 1
    assert (answer.status_code, answer["Location"]) == (302, f"/cutovers/{cutover.slug}/")
    page = browser.get(answer["Location"]).content.decode()
    assert "a note" in page
    assert "carried out" in page


class BrokenOnce:
    """Stands for the connection: closed when it is first asked, or each time with ``always``."""

    in_atomic_block = False

    def __init__(self, *, always: bool = False) -> None:
        self.always, self.asked, self.closed = always, 0, 0

    def find(self, request: Any) -> list[str]:
        self.asked += 1
        if self.always or self.asked == 1:
            raise InterfaceError("the connection is closed")
        return ["a committed entry"]

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(("always", "found", "closed"), [(False, ["a committed entry"], 1), (True, None, 2)])
def test_what_was_committed_is_asked_again_over_a_new_connection(
    monkeypatch: pytest.MonkeyPatch, always: bool, found: list[str] | None, closed: int
) -> None:
    broken = BrokenOnce(always=always)
    monkeypatch.setattr(failures, "_find_committed", broken.find)
    monkeypatch.setattr(failures, "connection", broken)
    assert failures._find_committed_again(RequestFactory().post("/")) == found
    assert broken.closed == closed


def test_an_error_before_a_commit_does_not_say_so(browser_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("the command failed")

    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    monkeypatch.setattr(runbook, "run_command", fail)
    answer = browser.post(address(cutover, "item-note", "announce"), {"text": "a note"})
    assert answer.status_code == 500
    assert "not known" in answer.content.decode()


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (None, 503),
        (psycopg.OperationalError("server closed the connection unexpectedly"), 503),
        (psycopg.errors.AdminShutdown("terminating connection"), 503),
        (psycopg.errors.IdleInTransactionSessionTimeout("terminating connection"), 503),
        (psycopg.errors.TooManyArguments("cannot pass more than 100 arguments"), 500),
    ],
)
def test_a_database_that_is_away_is_no_unexpected_error(
    browser_of: Any, monkeypatch: pytest.MonkeyPatch, cause: Exception | None, status: int
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OperationalError("no answer") from cause

    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    monkeypatch.setattr(runbook, "run_command", fail)
    answer = browser.post(address(cutover, "item-note", "announce"), {"text": "a note"})
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == (str(failures.RETRY_AFTER) if status == 503 else None)


@pytest.mark.parametrize(
    "cause",
    [psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure],
)
@pytest.mark.parametrize(("record_answers", "words"), [(True, "send it again"), (False, "not known")])
def test_who_waited_too_long_for_others_reads_whether_to_send_it_again(
    browser_of: Any,
    monkeypatch: pytest.MonkeyPatch,
    cause: type[Exception],
    record_answers: bool,
    words: str,
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OperationalError("given up") from cause()

    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    monkeypatch.setattr(runbook, "run_command", fail)
    if not record_answers:
        monkeypatch.setattr(failures, "_find_committed", BrokenOnce(always=True).find)
    answer = browser.post(address(cutover, "item-note", "announce"), {"text": "a note"})
    assert (answer.status_code, answer["Retry-After"]) == (503, str(failures.RETRY_AFTER))
    assert words in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("get", "/waiting/", "Load the page again"),
        ("post", "/accounts/password/change/", "not known from here whether a part"),
    ],
)
def test_the_record_is_only_named_where_it_would_have_what_was_asked_for(
    browser_of: Any, monkeypatch: pytest.MonkeyPatch, method: str, path: str, words: str
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OperationalError("given up") from psycopg.errors.LockNotAvailable()

    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    monkeypatch.setattr("django.core.handlers.base.BaseHandler._get_response", fail)
    page = getattr(browser, method)(path).content.decode()
    assert words in page
    assert "the record has nothing" not in page


@pytest.mark.django_db(transaction=True)
def test_a_command_that_waits_for_a_rollback_too_long_is_refused_in_words_and_can_be_repeated(
    browser_of: Any,
) -> None:
    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 100")
    url = servers.POSTGRES.url(str(connection.settings_dict["NAME"]))
    with psycopg.connect(url) as rollback:
        rollback.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR UPDATE", [cutover.pk])
        answer = browser.post(address(cutover, "item-note", "announce"), {"text": "a note"})
        assert answer.status_code == 503
        assert "Somebody else was changing the same" in answer.content.decode()
    assert browser.post(address(cutover, "item-note", "announce"), {"text": "a note"}).status_code == 302
    assert AuditEntry.objects.filter(cutover=cutover, kind="item.noted").count() == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_a_full_disk_is_explained_whatever_it_caused(number: int) -> None:
    error = RuntimeError("the upload failed")
    error.__context__ = OSError(number, os.strerror(number), "/var/artefacts/dump")
    problem = explain_full_disk(error)
    assert problem is not None
    assert "/var/artefacts/dump" in problem.what
    assert problem.means
    assert problem.next.endswith("then try again.")


def test_other_errors_are_no_full_disk() -> None:
    assert explain_full_disk(None) is None
    assert explain_full_disk(FileNotFoundError(errno.ENOENT, "no such file")) is None
    full = OperationalError("could not extend file")
    full.__cause__ = psycopg.errors.DiskFull("could not extend file")
    assert "database" in str(explain_full_disk(full))


@pytest.fixture
def files_stay_small(tmp_path: Path, settings: Any) -> Iterator[None]:
    """No file of this process can grow beyond one megabyte, as on a disk that is full."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


# Django leaves the file of a failed upload to the collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)
def test_an_upload_that_the_disk_does_not_take_is_explained(
    browser_of: Any, files_stay_small: None, tmp_path: Path
) -> None:
    cutover = make_cutover("opened")
    browser: Client = browser_of("ama")
    browser.raise_request_exception = False
    file = SimpleUploadedFile("picture.png", b"x" * 4_000_000)
    answer = browser.post(address(cutover, "item-tick", "announce"), {"files": file})
    assert answer.status_code == 507
    assert "larger than the system allows" in answer.content.decode()
    assert item_of(cutover, "announce").ticks.count() == 0
    assert list(tmp_path.iterdir()) == []  # nothing of it is left behind


def test_a_character_that_no_text_has_is_refused_in_an_address(browser_of: Any) -> None:
    cutover = make_cutover("opened")
    for path in (f"/cutovers/{cutover.slug}/record/?actor=a%00b", f"/cutovers/{cutover.slug}%00/"):
        assert browser_of("ama").get(path).status_code in (400, 404)
