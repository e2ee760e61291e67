"""Commands that are hard to take back ask who it is, each for itself."""

from __future__ import annotations

import re
import uuid

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.urls import reverse

from checklists.models import Attempt, Cutover, Member
from checklists.states import AttemptStatus, CutoverKind
from cutover.data_folder import PROJECT
from tests.checklists.histories import PASSWORD, end, ended, item_of, make_cutover, person, previewed, view_of
from tests.checklists.views.pages import markup_of
from tests.cutover.accounts.totp import code_of

pytestmark = pytest.mark.django_db
FINDING = {"seen": "DONE", "saw": "All of it is there.", "dead": "pid 4711 is gone"}
FIELD = 'name="password"'
TYPED = {"typed_target": "nowhere/sample"}


def opened(kind: CutoverKind, at: str = "signed") -> Cutover:
    """A cutover in which the action that runs at most once may start."""
    cutover = make_cutover(at, kind=kind)
    if at == "signed":
        previewed(item_of(cutover, "change-it"))
    return cutover


@pytest.mark.parametrize("proof", [{}, {"password": ""}, {"password": "wrong"}, {"credential": "{}"}])
def test_nothing_is_started_in_production_without_proof(browser_of, proof: dict[str, str]) -> None:
    cutover = opened(CutoverKind.PRODUCTION)
    ama, url = browser_of("ama"), reverse("item-start", args=[cutover.slug, "change-it"])
    assert FIELD in markup_of(ama.get(item_of(cutover, "change-it").get_absolute_url()))
    assert ama.post(url, proof | TYPED | {"after": 0}).status_code == 422
    assert not Attempt.objects.filter(item__key="change-it").exists()


def test_a_start_in_production_takes_the_password_and_the_next_one_asks_again(browser_of) -> None:
    cutover = opened(CutoverKind.PRODUCTION)
    ama, url = browser_of("ama"), reverse("item-start", args=[cutover.slug, "change-it"])
    ama.post(url, {"after": 0, "password": PASSWORD} | TYPED)
    started = Attempt.objects.filter(item__key="change-it")
    assert started.count() == 1
    end(started.get(), AttemptStatus.CANCELLED)
    assert ama.post(url, {"after": 1} | TYPED).status_code == 422
    assert started.count() == 1


@pytest.mark.parametrize(
    ("kind", "key"), [(CutoverKind.REHEARSAL, "change-it"), (CutoverKind.PRODUCTION, "look")]
)
def test_rehearsals_and_what_may_run_again_ask_for_nothing(browser_of, kind: CutoverKind, key: str) -> None:
    cutover = opened(kind, "announced" if key == "look" else "signed")
    ama = browser_of("ama")
    assert FIELD not in markup_of(ama.get(item_of(cutover, key).get_absolute_url()))
    ama.post(reverse("item-start", args=[cutover.slug, key]), {"after": 0})
    assert Attempt.objects.filter(item__key=key).count() == 1


@pytest.mark.parametrize(("proof", "status"), [({}, "UNKNOWN"), ({"password": PASSWORD}, "RECONCILED")])
def test_a_lost_attempt_is_decided_with_proof(browser_of, proof: dict[str, str], status: str) -> None:
    cutover = make_cutover("announced")
    lost = ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="It died.", finding=FINDING)
    said = {"found": "DONE", "note": "I counted the rows"}
    browser_of("efua").post(reverse("attempt-reconcile", args=[cutover.slug, lost.pk]), said | proof)
    assert Attempt.objects.get().status == status


@pytest.mark.parametrize(("proof", "part"), [({}, "APPROVER"), ({"password": PASSWORD}, "STAKEHOLDER")])
def test_people_are_changed_with_proof(browser_of, proof: dict[str, str], part: str) -> None:
    cutover = make_cutover()
    url = reverse("people", args=[cutover.slug])
    browser_of("ama").post(url, {"person": "efua", "part": "STAKEHOLDER"} | proof)
    assert Member.objects.get(cutover=cutover, person__username="efua").part == part


@pytest.mark.parametrize("page", ["gate", "cutover-rollback", "cutover-close", "people"])
def test_the_pages_of_such_commands_have_the_field(browser_of, page: str) -> None:
    cutover = make_cutover("looked")
    arguments = [cutover.slug, "go"] if page == "gate" else [cutover.slug]
    name = "efua" if page == "gate" else "ama"
    assert FIELD in markup_of(browser_of(name).get(reverse(page, args=arguments)))


def test_a_code_is_not_used_up_by_a_form_with_another_mistake(browser_of) -> None:
    cutover = make_cutover("looked")
    secret = generate_totp_secret()
    TOTP.activate(person("efua"), secret)
    gate = view_of(cutover, "go").gate
    said = {
        "seat": "technical",
        "digest": gate.digest,
        "nonce": str(uuid.uuid4()),
        "password": code_of(secret),
    }
    client, url = browser_of("efua"), reverse("gate-sign", args=[cutover.slug, "go"])
    assert client.post(url, said).status_code == 422  # no decision
    client.post(url, said | {"decision": "GO"})
    assert view_of(cutover, "go").gate.given == 1


def test_one_partial_shows_the_fields_of_every_proof() -> None:
    """A form that draws them itself forgets the passkey, or hides the password when a name changes.

    The pages of signing in, below `account/` and `mfa/`, have forms of another kind: each asks for one proof.
    """
    drawn = re.compile(r"form\.(password|credential|has_proof)\b")
    pages = (PROJECT / "templates").glob("*.html")
    assert {page.name for page in pages if drawn.search(page.read_text())} == {"_proof.html"}
