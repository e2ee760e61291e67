"""What a person sees when a request fails: whether it was carried out, and in words when the disk is full."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware
from django.utils.deprecation import MiddlewareMixin

from checklists.models import AuditEntry
from checklists.models.audit import database_now
from checklists.models.masked_rows import found_values
from checklists.record.sentences import describe_entry
from integrations.errors import explain_full_disk

logger = logging.getLogger(__name__)
RETRY_AFTER = 5  # seconds
#: SQLSTATEs of a connection that is gone: connection_exception, operator_intervention, and what ends a
#: session that was left in a transaction for too long.
AWAY = ("08", "57", "25P03", "25P04")
#: lock_not_available, deadlock_detected, serialization_failure: PostgreSQL took back the whole transaction.
BUSY = {"55P03", "40P01", "40001"}


@sync_and_async_middleware
def hide_found_values(get_response: Any) -> Any:
    """While a request is answered, rows are read without values until the view shows them (`get_visit`)."""
    if not iscoroutinefunction(get_response):

        def answer(request: HttpRequest) -> HttpResponseBase:
            with found_values(shown=False):
                response: HttpResponseBase = get_response(request)
            return response

        return answer

    async def answer_async(request: HttpRequest) -> HttpResponseBase:
        with found_values(shown=False):
            response: HttpResponseBase = await get_response(request)
        return response

    return answer_async


class RequestMiddleware(MiddlewareMixin):
    """Notes when a request began, and refuses addresses with a character that no text in the database has."""

    def process_request(self, request: HttpRequest) -> None:
        """Raises BadRequest for a NUL character in the address."""
        request.began = time.monotonic()  # type: ignore[attr-defined]  # our own attribute, read when a page fails
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address has a NUL character.")


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to a request that failed: Django's ``handler500``."""
    _discard_uploads(request)
    problem = explain_full_disk(sys.exc_info()[1])
    if problem:
        return render(request, "507.html", {"problem": problem}, status=507)
    error = sys.exc_info()[1]
    is_away, is_busy = _is_database_away(error), _sqlstate(error) in BUSY
    done = _find_committed_again(request)
    if not done and (is_away or is_busy):
        page = "503_busy.html" if is_busy and done is not None else "503.html"
        answer = render(request, page, {"is_of_record": _is_of_record(request)}, status=503)
        answer["Retry-After"] = str(RETRY_AFTER)
        return answer
    if not done:
        return render(request, "500.html", status=500)
    for entry in done:
        messages.warning(
            request,
            f"You {describe_entry(entry)}. This was carried out and is recorded. Only the page that should "
            "have said so failed; do not repeat it.",
        )
    return redirect(reverse("cutover", args=[done[0].cutover.slug]))


def _is_database_away(error: BaseException | None) -> bool:
    """Whether the panel's database gave no answer, or ended the connection; not what it refused in words."""
    state = _sqlstate(error)
    return isinstance(error, OperationalError | InterfaceError) and (not state or state.startswith(AWAY))


def _sqlstate(error: BaseException | None) -> str:
    """The code that PostgreSQL gave for an error of Django's; empty where it gave none."""
    return str(getattr(error.__cause__, "sqlstate", None) or "") if error else ""


def _discard_uploads(request: HttpRequest) -> None:
    """Removes files that were being received; Django would leave them until its memory is collected."""
    for handler in request.upload_handlers:
        file = getattr(handler, "file", None)
        if file is not None:
            with suppress(OSError):
                file.close()


def _find_committed_again(request: HttpRequest) -> list[AuditEntry] | None:
    """What `_find_committed` gives; None where the database does not answer.

    It is asked twice: the connection that broke may be why the request failed, and the second one is new.
    """
    for _ in range(2):
        try:
            return _find_committed(request)
        except Error:  # InterfaceError, for a connection that is closed, is no DatabaseError
            logger.exception("It is not known whether the failed request was carried out")
            if not connection.in_atomic_block:
                connection.close()
    return None


def _is_of_record(request: HttpRequest) -> bool:
    """Whether the record would have what was asked for: every command of a cutover leaves its entry there.

    Not said where it could not even be read who asks.
    """
    match = request.resolver_match
    try:
        return match is not None and "slug" in match.kwargs and isinstance(request.user, User)
    except Error:
        return False


def _find_committed(request: HttpRequest) -> list[AuditEntry]:
    """What the record has of this person since the request began."""
    person, began = getattr(request, "user", None), getattr(request, "began", None)
    if request.method != "POST" or began is None or not isinstance(person, User):
        return []
    since = database_now() - timedelta(seconds=time.monotonic() - began)
    entries = AuditEntry.objects.filter(actor=person.get_username(), at__gte=since)
    return list(entries.select_related("cutover").order_by("at")[:5])
