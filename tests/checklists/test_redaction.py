"""Previews, refusals and the errors of a check show no value that came from a variable of a command."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from checklists import executor, services
from checklists.models import Cutover, ItemPreview
from checklists.runbook import read
from integrations.redact import MASK
from tests.allowed import allow
from tests.checklists.histories import item_of, person
from tests.released import release

SECRET = "Zq9rT4mKe7PwX2vB"
RUNBOOK = """
name: masked
title: Masked
timezone: UTC
systems:
  engine: {kind: platform, driver: command, apply: "/usr/bin/true", status: "/usr/bin/cat ${STATUS_FILE}",
           start: "/srv/masked/ctl --key ${SESSION_KEY} start {services}", stop: "/srv/evil/ctl {services}"}
roles: {lead: Migration lead}
phases:
  - key: one
    title: One
    items:
      - {key: start, title: Start, kind: action, owner: lead, action: service.start,
         params: {platform: engine, services: [api]}, irreversible: It is only a test.}
      - {key: stop, title: Stop, kind: action, owner: lead, action: service.stop,
         params: {platform: engine, services: [api]}, irreversible: It is only a test.}
"""


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def night(transactional_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Cutover:
    allow("/srv/masked/ctl")
    status = tmp_path / "status.json"
    status.write_text('{"services": {"api": {"state": "stopped", "replicas": 0, "ready": 0}}}')
    monkeypatch.setenv("SESSION_KEY", SECRET)
    monkeypatch.setenv("STATUS_FILE", str(status))
    release(RUNBOOK)
    runbook = services.load_runbook(text=RUNBOOK, by=None)
    return services.open_cutover(
        runbook=runbook, kind="REHEARSAL", title="Masked", slug="masked", by=person("ama")
    )


def preview_of(night: Cutover, key: str) -> ItemPreview:
    asked = services.request_preview(item=item_of(night, key), by=person("ama"))
    executor.run_preview(str(asked.pk))
    return ItemPreview.objects.get(pk=asked.pk)


def test_a_preview_shows_the_command_without_the_value(night: Cutover) -> None:
    shown = preview_of(night, "start").shown
    assert any(f"/srv/masked/ctl --key {MASK} start api" in line for line in shown["lines"])
    assert SECRET not in str(shown)


def test_a_program_that_is_not_allowed_is_refused_in_the_preview(night: Cutover) -> None:
    problem = preview_of(night, "stop").problem
    assert "“/srv/evil/ctl” is not among" in problem["what"]
    assert "CUTOVER_PROGRAMS" in problem["next"]


def test_the_page_of_the_preview_is_masked(night: Cutover, client: Client) -> None:
    client.force_login(person("ama"))
    preview_of(night, "start")
    page = client.get(item_of(night, "start").get_absolute_url())
    assert MASK in page.content.decode()
    assert SECRET not in page.content.decode()


def test_the_check_names_what_is_not_allowed_with_its_line_and_the_runbook_still_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow("/srv/masked/ctl")
    found = read(RUNBOOK, environ={"STATUS_FILE": "/tmp/x", "SESSION_KEY": SECRET})
    (error,) = found.errors
    assert found.document is not None
    assert not error.is_fatal
    assert RUNBOOK.splitlines()[error.line - 1].strip().startswith("start:")
    assert "stop: of the system “engine”" in error.what
    assert "CUTOVER_PROGRAMS" in error.remedy
    assert read(RUNBOOK).errors == []
