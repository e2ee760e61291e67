"""A later observation of the same subject contradicts evidence, or makes it as fresh as itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from checklists import services
from checklists.executor import store_evidence
from checklists.models import Cutover, GatePass
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, ItemState
from tests.by_hand import by_hand
from tests.checklists.histories import (
    asked_preflight,
    ended,
    make_cutover,
    person,
    preflight_done,
    preflight_results,
    sign,
    view_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed() -> Cutover:
    """A cutover whose gate was signed once on a preflight with an amber result."""
    cutover = make_cutover("announced")
    preflight_done(cutover, roof="amber", wall="green")
    sign(cutover, "efua", "technical")
    return cutover


def test_a_later_run_with_the_same_results_keeps_signatures_and_makes_the_evidence_fresh(
    signed: Cutover,
) -> None:
    before = view_of(signed, "go").gate
    asked_preflight(signed, roof="amber", wall="green")
    look, gate = view_of(signed, "look"), view_of(signed, "go").gate
    assert look.state == ItemState.DONE
    assert look.age < timedelta(minutes=1)
    assert (gate.digest, gate.given, gate.voided) == (before.digest, 1, [])
    assert gate.facts[0].age < timedelta(minutes=1)


def test_evidence_that_is_too_old_is_fresh_again_after_a_run_with_the_same_results() -> None:
    cutover = make_cutover("announced")
    preflight_done(cutover, wall="green", ago=timedelta(minutes=45))
    assert view_of(cutover, "go").gate.facts[0].stale
    asked_preflight(cutover, wall="green", ago=timedelta(minutes=2))
    assert not view_of(cutover, "go").gate.facts[0].stale


@pytest.mark.parametrize(
    ("verdicts", "change"),
    [
        ({"roof": "amber", "wall": "red"}, "wall: green → red"),
        ({"roof": "amber", "wall": "unknown"}, "wall: green → unknown"),
        ({"roof": "green", "wall": "green"}, "roof: amber → green"),
        ({"roof": "amber", "wall": "green", "door": "red"}, "door: not reported → red"),
        ({"roof": "amber"}, "wall: green → no longer asked"),
    ],
)
def test_a_later_run_with_other_results_voids_signatures_and_names_the_change(
    signed: Cutover, verdicts: dict[str, str], change: str
) -> None:
    asked_preflight(signed, **verdicts)
    look, gate = view_of(signed, "look"), view_of(signed, "go").gate
    assert look.state == ItemState.CONTRADICTED
    assert not look.settled
    assert gate.given == 0
    assert change in gate.voided[0].why
    assert change in gate.blockers[0].what


def test_a_new_green_result_contradicts_nothing(signed: Cutover) -> None:
    asked_preflight(signed, roof="amber", wall="green", door="green")
    assert view_of(signed, "look").state == ItemState.DONE
    assert view_of(signed, "go").gate.given == 1


def test_the_latest_run_decides(signed: Cutover) -> None:
    asked_preflight(signed, roof="amber", wall="red", ago=timedelta(minutes=9))
    asked_preflight(signed, roof="amber", wall="green")
    assert view_of(signed, "look").state == ItemState.DONE
    assert view_of(signed, "go").gate.given == 1


def test_a_run_before_the_evidence_says_nothing(signed: Cutover) -> None:
    asked_preflight(signed, roof="red", ago=timedelta(hours=2))
    assert view_of(signed, "look").state == ItemState.DONE


def test_a_contradicted_item_can_be_done_again_and_holds_back_what_needs_it(signed: Cutover) -> None:
    asked_preflight(signed, roof="amber", wall="red")
    with pytest.raises(services.CommandRefused):
        sign(signed, "kofi", "finance")
    assert services.start_attempt(item=view_of(signed, "look").item, by=person("ama")).status == "QUEUED"


def test_once_the_pass_was_used_the_cutover_itself_changes_what_is_seen(signed: Cutover) -> None:
    sign(signed, "kofi", "finance")
    with by_hand():
        GatePass.objects.update(used_at=database_now() - timedelta(seconds=1))
    asked_preflight(signed, roof="amber", wall="red")
    assert view_of(signed, "look").state == ItemState.DONE
    assert view_of(signed, "go").gate.passed


def test_the_digest_of_evidence_depends_on_verdicts_and_not_on_sentences() -> None:
    cutover = make_cutover("announced")
    digests = []
    for seen in ("It has 3 rows.", "It has 4 rows."):
        attempt = ended(cutover, "look", AttemptStatus.ERRORED)
        results = [{**one, "seen": seen} for one in preflight_results(wall="green")]
        facts = {"preflight": {"results": results}}
        with by_hand():
            digests.append(store_evidence(attempt, ok=True, facts=facts, at=database_now()).digest)
    assert digests[0] == digests[1]


def test_the_same_check_by_another_item_contradicts_until_it_is_green_again() -> None:
    cutover = make_cutover("announced")
    moon = {"params": {"thing": "the moon"}}
    ended(cutover, "look", ago=timedelta(minutes=5), **moon)
    sign(cutover, "efua", "technical")
    ended(cutover, "restore", AttemptStatus.FAILED, params={"thing": "the sun"})
    assert view_of(cutover, "look").state == ItemState.DONE, "another question"
    ended(cutover, "restore", AttemptStatus.FAILED, ago=timedelta(minutes=10), **moon)
    assert view_of(cutover, "look").state == ItemState.DONE, "it was asked before"
    ended(cutover, "restore", AttemptStatus.FAILED, summary="2 rows differ.", **moon)
    look, gate = view_of(cutover, "look"), view_of(cutover, "go").gate
    assert look.state == ItemState.CONTRADICTED
    assert "found otherwise: the same check: saw it (1) → 2 rows differ" in str(look.later)
    assert gate.given == 0
    assert view_of(cutover, "restore").item.pk == look.later.item_id
    ended(cutover, "restore", **moon)
    assert view_of(cutover, "look").state == ItemState.DONE
    assert view_of(cutover, "go").gate.given == 1


PAIR = {"mode": "live", "source": {"address": "a/x"}, "target": {"address": "b/x"}}
#: What the item “look” found; what “change-it” found later; what is said of it (nothing: no contradiction).
TOPICS = {
    "parity": (
        {"parity": {**PAIR, "equal": True}},
        {"parity": {**PAIR, "equal": False}},
        "a/x and b/x hold the same",
    ),
    "parity the other way round": (
        {"parity": {**PAIR, "equal": True}},
        {"parity": {"mode": "sample", "source": PAIR["target"], "target": PAIR["source"], "equal": False}},
        "a/x and b/x hold the same",
    ),
    "other databases": (
        {"parity": {**PAIR, "equal": True}},
        {"parity": {**PAIR, "target": {"address": "c/x"}, "equal": False}},
        "",
    ),
    "a fingerprint of before": (
        {"parity": {**PAIR, "equal": True}},
        {"parity": {**PAIR, "mode": "before", "equal": False}},
        "",
    ),
    "a backup": (
        {"verified": {"sha256": "f" * 64, "equal": True}},
        {"verified": {"sha256": "f" * 64, "equal": False}},
        "the backup ffffffffffff is whole",
    ),
    "another backup": (
        {"verified": {"sha256": "f" * 64, "equal": True}},
        {"verified": {"sha256": "e" * 64, "equal": False}},
        "",
    ),
    "a service": (
        {"smoke": {"address": "https://api.example.org/v1", "state": "well"}},
        {"http": {"address": "https://api.example.org/health", "status": 503}},
        "https://api.example.org answers",
    ),
    "a service by its health": (
        {"http": {"address": "https://api.example.org/", "status": 200}},
        {"smoke": {"address": "https://api.example.org/v1", "state": "not_ready"}},
        "https://api.example.org answers",
    ),
    "an empty list": (
        {"smoke": {"address": "https://api.example.org/v1", "state": "well"}},
        {"smoke": {"address": "https://api.example.org/v1", "state": "wrong"}},
        "",
    ),
    "a page that is not there": (
        {"smoke": {"address": "https://api.example.org/v1", "state": "well"}},
        {"http": {"address": "https://api.example.org/old", "status": 404}},
        "",
    ),
}


@pytest.mark.parametrize("case", TOPICS)
def test_another_kind_of_check_about_the_same_thing_contradicts(case: str) -> None:
    first, later, said = TOPICS[case]
    cutover = make_cutover("announced")
    ended(cutover, "look", facts=first)
    sign(cutover, "efua", "technical")
    ended(cutover, "change-it", AttemptStatus.FAILED, facts=later, effect="PURE")
    look, gate = view_of(cutover, "look"), view_of(cutover, "go").gate
    assert (look.state, gate.given) == ((ItemState.CONTRADICTED, 0) if said else (ItemState.DONE, 1))
    assert said in str(look.later or "")


def test_a_later_yes_to_another_question_takes_no_earlier_no_back() -> None:
    equal, different = ({"parity": {**PAIR, "equal": word}} for word in (True, False))
    cutover = make_cutover("announced")
    ended(cutover, "look", facts=equal)
    ended(cutover, "change-it", AttemptStatus.FAILED, facts=different, params={"tables": "all"})
    ended(cutover, "restore", facts=equal, params={"tables": "few"})
    assert view_of(cutover, "look").state == ItemState.CONTRADICTED
    ended(cutover, "change-it", facts=equal, params={"tables": "all"})
    assert view_of(cutover, "look").state == ItemState.DONE
