"""Cutovers that keep the runbook text of an earlier panel: what that panel had built in is filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from checklists import earlier_parameters
from checklists.action_context import build_context
from checklists.earlier_parameters import FOLDER, built_in_for
from checklists.executor.job import AttemptJob
from checklists.executor.preview_run import PreviewJob
from checklists.models import Attempt, Cutover, Item, Runbook
from checklists.runbook import read_definitions
from checklists.services import CommandRefused, amend_runbook
from checklists.services.attempts import bind_action
from checklists.services.definitions import read_document
from integrations.actions import registry
from integrations.errors import Problem
from tests.by_hand import by_hand
from tests.checklists.earlier_panel import KEPT

FILE = FOLDER / "covenant-connect.earlier.yaml"
BUILT_IN: dict[str, Any] = yaml.safe_load(FILE.read_text())
THEN: dict[str, Any] = json.loads((KEPT / "built_in.json").read_text())
SLUG = "third-rehearsal"  # the one that is still open

#: items that cannot be bound when nothing is filled in, and what the refusal names
REFUSED = {
    **dict.fromkeys(("writers-before", "writers-frozen", "writers-after-switch"), "webhook:"),
    **dict.fromkeys(("smoke", "smoke-deployed", "smoke-ingress", "smoke-public"), "health: and reads:"),
    "canary": "accounts:",
    "prove-sign-in": "authorize:",
    **dict.fromkeys(
        ("oauth-sign-in", "sign-in-facebook", "sign-in-apple"), "accounts: This field is required"
    ),
    "secrets-ledger": "names:",
    **dict.fromkeys(("webhook-routes", "webhooks-public"), "path:"),
    "watch-pilot": "database and booked belong together",
}


@pytest.fixture
def cutover(earlier: str, monkeypatch: pytest.MonkeyPatch) -> Cutover:
    """The open cutover, whose text is the earlier one; every variable that it names is set."""
    found = Cutover.objects.get(slug=SLUG)
    for name in re.findall(r"\$\{([A-Z_]+)", found.runbook.text):
        monkeypatch.setenv(name, "/usr/bin/example 1" if name.startswith("PLATFORM_") else "1")
    monkeypatch.setenv("DNS_NEW", "192.0.2.9")
    call_command("variables", "release-used")  # as the upgrade guide says
    return found


def list_refused(cutover: Cutover) -> dict[str, str]:
    """Item → why it cannot be bound."""
    refused = {}
    for item in Item.objects.filter(cutover=cutover, kind="action"):
        try:
            bind_action(item)
        except CommandRefused as why:
            refused[item.key] = str(why)
    return refused


@pytest.fixture
def nothing_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(earlier_parameters, "FOLDER", tmp_path)
    earlier_parameters._by_text.cache_clear()
    yield
    earlier_parameters._by_text.cache_clear()


def test_every_item_of_the_earlier_text_binds(cutover: Cutover) -> None:
    assert list_refused(cutover) == {}


def test_without_what_was_built_in_these_are_refused_and_say_why(
    cutover: Cutover, nothing_built_in: None
) -> None:
    refused = list_refused(cutover)
    assert refused.keys() == REFUSED.keys()
    for key, said in REFUSED.items():
        assert said in refused[key], refused[key]


def test_only_items_that_would_be_refused_get_something(cutover: Cutover) -> None:
    assert BUILT_IN["items"].keys() == REFUSED.keys()
    assert BUILT_IN["systems"].keys() <= cutover.systems.keys()


def test_only_parameters_that_the_actions_have_and_the_text_lacks_are_filled_in(cutover: Cutover) -> None:
    for key, added in BUILT_IN["items"].items():
        item = Item.objects.get(cutover=cutover, key=key)
        assert added.keys() <= registry()[item.action].Params.base_fields.keys(), key
        assert not added.keys() & item.params.keys(), key
    for name, added in BUILT_IN["systems"].items():
        assert not added.keys() & cutover.systems[name].keys(), name


def test_the_earlier_text_is_the_one_that_the_earlier_panel_stored(cutover: Cutover) -> None:
    assert cutover.runbook.sha256 == BUILT_IN["texts"][0]


def test_nothing_is_written_into_the_cutover(cutover: Cutover) -> None:
    bind_action(Item.objects.get(cutover=cutover, key="canary"))
    assert "accounts" not in Item.objects.get(cutover=cutover, key="canary").params
    assert "sign_in" not in Cutover.objects.get(slug=SLUG).systems["api"]


def test_systems_and_the_items_that_others_carry_out_are_complete_too(cutover: Cutover) -> None:
    context = build_context(cutover)
    shape = context.systems["api"].sign_in()
    assert shape is not None
    assert shape.session_path("x") == "/auth/session/x"
    assert context.items["canary"].params["accounts"]["table"] == "users"


def test_an_attempt_that_was_queued_by_the_earlier_panel_is_carried_out_with_them(cutover: Cutover) -> None:
    attempt = Attempt.objects.filter(cutover__runbook=cutover.runbook, item__key="canary").latest("number")
    assert "accounts" not in attempt.params
    assert AttemptJob.load(attempt).raw["accounts"]["table"] == "users"


def test_what_the_text_says_wins(cutover: Cutover) -> None:
    built_in = built_in_for(cutover)
    given = {"webhook": "/hooks"}
    assert built_in.complete_params("writers-before", given) == given
    assert built_in.params_added("writers-before", given) == {}
    systems = built_in.complete_systems({"engine": {"kind": "platform", "image_values": "tag"}})
    assert systems["engine"]["image_values"] == "tag"


def test_cutovers_opened_from_other_texts_get_nothing(cutover: Cutover) -> None:
    for text in ((FOLDER / "covenant-connect.yaml").read_text(), cutover.runbook.text + "\n# mine"):
        sha256 = read_definitions(text).sha256
        other = Runbook.objects.create(name="covenant-connect", title="x", sha256=sha256, text=text)
        assert built_in_for(Cutover(runbook=other)) == earlier_parameters.NOTHING
        with by_hand():
            other.delete()


def test_an_amendment_of_the_earlier_text_need_not_name_them(cutover: Cutover) -> None:
    """An item that was carried out cannot change, so that nobody could name them there."""
    lead = User.objects.get(username="kwame")
    lead.user_permissions.add(Permission.objects.get(codename="add_cutover"))
    text = cutover.runbook.text.replace(
        "title: Take the migration out of", "title: Remove the migration from"
    )
    assert text != cutover.runbook.text
    with transaction.atomic():
        amend_runbook(cutover=cutover, text=text, reason="Plainer.", by=lead)
        amended = Cutover.objects.get(slug=SLUG)
        assert amended.runbook.sha256 not in BUILT_IN["texts"]
        assert list_refused(amended) == {}
        transaction.set_rollback(True)


def test_a_new_cutover_is_not_opened_from_the_earlier_text(cutover: Cutover) -> None:
    with pytest.raises(CommandRefused, match="earlier versions had this built in"):
        read_document(cutover.runbook.text)


def test_a_command_that_nobody_allowed_is_refused_with_the_remedy(
    cutover: Cutover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of programs cannot be kept: the earlier panel had none."""
    monkeypatch.delenv("CUTOVER_PROGRAMS", raising=False)
    monkeypatch.setenv("PLATFORM_DRIVER", "command")
    job = PreviewJob.load(Item.objects.get(cutover=cutover, key="stop-old-writers"))
    with pytest.raises(Problem) as refused:
        job.action.preview(job.action.bind(job.raw, job.context))
    assert refused.value.means
    assert "CUTOVER_PROGRAMS" in refused.value.next


def test_the_item_shows_what_was_filled_in(cutover: Cutover, settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client = Client()
    client.force_login(User.objects.get(username="kwame"))
    page = client.get(f"/cutovers/{SLUG}/items/canary/").content.decode()
    assert "Parameters that the earlier panel had built in" in page
    assert "password_hash" in page
    page = client.get(f"/cutovers/{SLUG}/items/backup-early/").content.decode()
    assert "built in" not in page


# ── nothing else than what that version had ──────────────────────────────────


def leaves(value: Any) -> Iterator[str]:
    """Every text in a value; names of settings are ours."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value


def pieces(text: str) -> list[str]:
    """A path without what is filled in, the names of a place; another text as it is."""
    if " " in text:
        return [text.replace("%(provider)s", "%s").removesuffix(".")]
    return [piece for piece in re.split(r"{\w+}|\.", text) if piece]


def was_known(text: str, known: list[str]) -> bool:
    return all(any(piece in one for one in known) for piece in pieces(text))


def words_of_then(name: str) -> list[str]:
    texts = [text for texts in THEN["texts"][name].values() for text in texts]
    constants = [value for of, value in THEN["constants"].items() if of.startswith(f"{name} ")]
    return [*texts, *leaves(constants)]


def test_every_text_was_in_the_code_of_the_action_that_gets_it(cutover: Cutover) -> None:
    for key, added in BUILT_IN["items"].items():
        known = words_of_then(Item.objects.get(cutover=cutover, key=key).action)
        rules = added.get("rules", {})
        rest = {name: value for name, value in added.items() if name != "rules"}  # ours: words for its rules
        for text in [*leaves(rest), *(name for name in rules)]:
            assert was_known(text, known), f"{key}: {text}"
    for name, added in BUILT_IN["systems"].items():
        for text in leaves(added):
            assert was_known(text, words_of_then("engine" if name == "staging" else name)), text


def test_lists_and_queries_are_those_of_then() -> None:
    items, then = BUILT_IN["items"], THEN["constants"]
    assert items["smoke"]["reads"] == then["http.smoke reads"]
    assert items["secrets-ledger"]["names"] == then["secrets.ledger names"]
    assert items["secrets-ledger"]["old_names"] == then["secrets.ledger old_names"]
    assert sorted(items["secrets-ledger"]["rules"]) == then["secrets.ledger rules"]
    assert items["watch-pilot"]["booked"]["paid"] == then["dualrun.watch paid"]
    accounts = items["oauth-sign-in"]["accounts"].replace("%(provider)s", "%s")
    assert accounts == then["oauth.signin accounts"]
    assert items["webhook-routes"]["path"] == then["webhooks.check path"]
    assert items["writers-before"]["webhook"] == then["writers.check webhook"]
    assert items["canary"]["accounts"]["verifiable"] == then["login.canary verifiable"]
