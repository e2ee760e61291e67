"""A runbook uses only variables that an admin released by name, and never the panel's own."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command

from checklists import services
from checklists.models import ReleasedVariable
from checklists.released_variables import released_environment
from checklists.services import CommandRefused
from integrations.variables import is_shown
from tests.checklists.histories import RUNBOOK, make_cutover, person

pytestmark = pytest.mark.django_db
TEXT = RUNBOOK.replace("{thing: the moon}", '{thing: "${MOON}"}')
LINE = 1 + TEXT[: TEXT.index("${MOON}")].count("\n")


def manage(*arguments: str) -> str:
    out = StringIO()
    call_command("variables", *arguments, stdout=out)
    return out.getvalue()


def test_a_runbook_with_a_variable_that_is_not_released_is_refused_with_line_name_and_remedy() -> None:
    with pytest.raises(CommandRefused) as refused:
        services.load_runbook(text=TEXT, by=None)
    assert (
        f"line {LINE}: These variables are not released for runbooks: MOON (line {LINE})."
        in refused.value.what
    )
    assert "./panel manage variables release MOON" in refused.value.what
    services.release_variables(names=["MOON"], by=None)
    assert services.load_runbook(text=TEXT, by=None)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "CUTOVER_SECRET_KEYS", "moon", "A-B", ""])
def test_the_panels_own_variables_and_odd_names_cannot_be_released(name: str) -> None:
    with pytest.raises(CommandRefused, match="cannot be released"):
        services.release_variables(names=["MOON", name], by=person("ama"))
    assert not ReleasedVariable.objects.exists(), "all or none"


def test_the_panels_own_variables_stay_closed_even_with_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 60)
    ReleasedVariable.objects.create(name="SECRET_KEY", may_be_shown=True)
    with pytest.raises(CommandRefused, match="belong to the panel"):
        services.load_runbook(text=TEXT.replace("MOON", "SECRET_KEY"), by=None)
    assert "SECRET_KEY" not in released_environment()


def test_a_released_variable_may_be_used_and_only_a_public_one_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOON", "io")
    manage("release", "MOON", "--reason", "The moon of tonight.")
    assert released_environment()["MOON"] == "io"
    assert not is_shown("MOON", released_environment())
    manage("release", "MOON", "--public")
    assert is_shown("MOON", released_environment())
    manage("release", "MOON")
    assert is_shown("MOON", released_environment()), "public is taken back by withdrawing only"
    manage("withdraw", "MOON")
    assert "MOON" not in released_environment()


def test_after_an_upgrade_one_command_lists_and_releases_what_open_cutovers_use() -> None:
    cutover = make_cutover("opened", text=TEXT)
    ReleasedVariable.objects.all().delete()  # as in an installation from before
    assert "MOON\tNOT RELEASED\t" + cutover.slug in manage("list")
    assert "1 would be released" in manage("release-used", "--dry-run")
    assert not ReleasedVariable.objects.exists()
    assert "1 released, 0 belong to the panel" in manage("release-used")
    assert list(ReleasedVariable.objects.values_list("name", "may_be_shown")) == [("MOON", False)]


def test_the_admin_site_keeps_who_released_a_variable_and_refuses_the_panels_own(rf: Any) -> None:
    site = admin.site._registry[ReleasedVariable]
    request = rf.post("/")
    request.user = person("root", is_staff=True, is_superuser=True)
    form = site.get_form(request)({"name": "MOON", "reason": "tonight"})
    assert form.is_valid()
    site.save_model(request, form.save(commit=False), form, change=False)
    assert ReleasedVariable.objects.get().released_by == request.user
    refused = site.get_form(request)({"name": "REDIS_URL"})
    assert "belongs to the panel itself" in str(refused.errors)
