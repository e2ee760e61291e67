"""Rows of which only some fields are read are masked as well, by these fields alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from checklists.models import AuditEntry, Evidence, PreflightResult, SignOff
from checklists.models.attempt import Attempt
from checklists.models.audit import PANEL
from checklists.models.backup import Backup, BackupVerification
from checklists.models.masked_rows import MaskedRow, _actions, found_values
from tests.checklists.histories import asked_preflight, make_cutover, preflight_done, sign

VALUE = "Ama gave 100"
ATTEMPT = uuid.uuid4()
FINDING = {"saw": VALUE, "facts": {"x": VALUE}}
#: Of each kind of row what an action or a check found, and the fields by which is decided what to hide.
ROWS: dict[type[MaskedRow], dict[str, Any]] = {
    Attempt: {
        "action": "nobody.knows",
        "status": "RUNNING",
        "reconciled_by_id": 1,
        "before": {"x": VALUE},
        "finding": FINDING,
        "problem": {"what": VALUE, "means": VALUE},
        "summary": VALUE,
        "progress_what": VALUE,
        "unknown_reason": VALUE,
    },
    AuditEntry: {
        "kind": "attempt.ended",
        "actor": PANEL,
        "payload": {
            "attempt": str(ATTEMPT), "status": "ERRORED", "summary": VALUE, "note": VALUE, "finding": FINDING
        },
    },
    Backup: {"facts": {"warnings": [VALUE]}},
    BackupVerification: {"reason": VALUE},
    Evidence: {"facts": {"x": VALUE}},
    PreflightResult: {
        "check_key": "nobody.knows", "title": "Addresses", "subject": VALUE, "seen": VALUE, "change": VALUE
    },
    SignOff: {"evidence": [{"attempt": str(ATTEMPT), "ok": True, "summary": VALUE}]},
}  # fmt: skip


def cases() -> Iterator[tuple[type[MaskedRow], list[str]]]:
    """All fields, all but one, and each alone."""
    for model, fields in ROWS.items():
        yield model, list(fields)
        for name in fields:
            yield model, [name]
            yield model, [other for other in fields if other != name]


def test_every_kind_of_masked_row_is_tried() -> None:
    assert {model for model in apps.get_models() if issubclass(model, MaskedRow)} == set(ROWS)


@pytest.mark.parametrize(("model", "names"), list(cases()))
def test_a_row_is_masked_by_what_was_read_without_asking_for_more(
    model: type[MaskedRow], names: list[str]
) -> None:
    # This test may not use the database: a field that was not read, and that the mask asks for, fails here.
    _actions.set({str(ATTEMPT): "nobody.knows"})
    read = [field.attname for field in model._meta.concrete_fields if field.attname in ("id", *names)]
    values = [deepcopy(ROWS[model].get(name, 1)) for name in read]  # the mask changes them in place
    with found_values(shown=True):
        assert any(VALUE in repr(ROWS[model][name]) for name in names) == (
            VALUE in repr(vars(model.from_db(None, read, values)))
        )
    with found_values(shown=False):
        row = model.from_db(None, read, values)
    shown = {name: value for name, value in vars(row).items() if name != "_hidden"}
    assert VALUE not in repr(shown)
    assert shown.keys() - {"_state"} == set(read), "nothing is made up for what was not read"


@pytest.mark.django_db
def test_people_who_only_watch_get_every_page_after_a_preflight_that_contradicts_the_evidence(
    browser_of: Callable[..., Client],
) -> None:
    cutover = make_cutover("announced")
    preflight_done(cutover, roof="amber", wall="green")
    sign(cutover, "efua", "technical")
    asked_preflight(cutover, roof="amber", wall="red")
    of_cutover = ("cutover", "runbook", "status", "problems", "record", "people")
    pages = ["/?all", "/waiting/", "/waiting/count/", "/palette/"]
    pages += [reverse(name, args=[cutover.slug]) for name in of_cutover]
    pages += [reverse("item", args=[cutover.slug, "look"]), reverse("gate", args=[cutover.slug, "go"])]
    yaw = browser_of("yaw")
    assert {page: yaw.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    assert yaw.get("/waiting/count/").json()["tasks"] == 0
