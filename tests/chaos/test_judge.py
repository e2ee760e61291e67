"""The judge finds what the control runs do not try: each property is violated here once, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checklists.models import Attempt, LogLine
from checklists.states import AttemptStatus
from tests.chaos import judge
from tests.chaos.faults import GuardKill
from tests.chaos.journal import Journal
from tests.chaos.people import Acknowledged
from tests.checklists.histories import ended, make_cutover

KEY = "night-1.once-a"


def evidence(*lines: dict[str, Any], **more: Any) -> Any:
    """The parts that a property asks for; lines of the journal are of one attempt unless they say so."""
    about = {"attempt": "a", "key": KEY, "resource": "till"}
    parts = {
        "people": SimpleNamespace(acknowledged=[], nights=[], crashes=[]),
        "faults": SimpleNamespace(kills=[]),
        "panel": SimpleNamespace(left_by_attempts=list),
        "around": SimpleNamespace(dns_journal=Path("/nowhere"), execute=lambda *_: []),
    }
    return SimpleNamespace(**{**parts, **more}, journal=Journal([{**about, **line} for line in lines]))


def sign(at: float, **more: Any) -> dict[str, Any]:
    return {"what": "escaped", "at": at, **more}


def test_a_second_effect_of_an_item_is_found_when_it_may_have_one() -> None:
    twice = [{"what": "effect", "at": 1.0}, {"what": "effect", "at": 2.0, "attempt": "b"}]
    assert "2 times, by a, b" in "".join(judge.effects(evidence(*twice)))
    again = [{**line, "key": "night-1.again"} for line in twice]
    assert list(judge.effects(evidence(*again))) == []


def test_a_life_that_begins_before_another_one_ends_is_found() -> None:
    lives = [sign(1.0), sign(3.0), sign(2.5, attempt="b"), sign(4.0, attempt="b")]
    assert "0.50 s before" in "".join(judge.overlaps(evidence(*lives)))
    apart = [{**line, "resource": line.get("attempt", "a")} for line in lives]
    assert list(judge.overlaps(evidence(*apart))) == []


def test_a_forward_start_after_the_rollback_and_a_second_switch_are_found(tmp_path: Path) -> None:
    updates = [("x", judge.NEW), ("x", judge.OLD), ("x", judge.NEW), ("y", judge.NEW)]
    file = tmp_path / "dns"
    file.write_text("".join(f"{json.dumps({'name': n, 'values': [v]})}\n" for n, v in updates))
    night = SimpleNamespace(number=1, rollback_at=5.0)
    starts = [{"what": "start", "started": at, "at": at} for at in (4.9, 5.5)]
    back = {"what": "start", "started": 6.0, "at": 6.0, "key": "night-1.back-a"}
    found = list(
        judge.rollbacks(
            evidence(
                *starts,
                back,
                people=SimpleNamespace(nights=[night]),
                around=SimpleNamespace(dns_journal=file),
            )
        )
    )
    assert len(found) == 2
    assert "0.50 s after" in found[0]
    assert found[1].startswith("x was switched again")


@pytest.mark.django_db
def test_an_acknowledged_command_without_its_row_is_found() -> None:
    attempt = ended(make_cutover(), "look")
    said = [Acknowledged("start", attempt=str(attempt.pk)), Acknowledged("start", attempt="gone")]
    said += [
        Acknowledged("tick", item=0),
        Acknowledged("sign", nonce="n"),
        Acknowledged("rollback", cutover=0),
    ]
    said += [Acknowledged("decide", attempt=str(attempt.pk)), Acknowledged("close", cutover=0)]
    lost = list(judge.acknowledged(evidence(people=SimpleNamespace(acknowledged=said))))
    assert len(lost) == len(said) - 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("numbers", "texts", "says"),
    [
        ([1, 2], ["line 0 of k", "line 1 of k"], ""),
        ([1, 3], ["line 0 of k", "line 1 of k"], "have the numbers [1, 3]"),
        ([1, 2], ["line 1 of k", "line 0 of k"], "not what its program printed"),
        ([1], ["line 0 of k"], "with 1 of 2 lines"),
    ],
)
def test_a_log_with_a_gap_another_order_or_without_its_end_is_found(
    numbers: list[int], texts: list[str], says: str
) -> None:
    attempt = ended(make_cutover(), "look", fence=1, log_next=len(numbers) + 1)
    for number, text in zip(numbers, texts, strict=True):
        LogLine.objects.create(attempt=attempt, number=number, text=text, at=attempt.queued_at)
    lines = [{"what": "line", "number": n, "at": 1.0, "key": "k", "attempt": str(attempt.pk)} for n in (0, 1)]
    found = "".join(judge.logs(evidence(*lines)))
    assert says in found
    assert bool(says) == bool(found)


@pytest.mark.django_db
def test_an_attempt_that_never_ends_is_found() -> None:
    ended(make_cutover(), "look", AttemptStatus.RUNNING)
    assert "look #1 is RUNNING" in "".join(judge.stuck(evidence()))
    assert Attempt.objects.live().count() == 1


def test_what_lives_on_after_its_guard_or_after_the_run_is_found() -> None:
    kills = [GuardKill(frozenset({"a"}), at=10.0)]
    panel = SimpleNamespace(left_by_attempts=lambda: ["12: sleep"])
    found = list(judge.orphans(evidence(sign(20.5), faults=SimpleNamespace(kills=kills), panel=panel)))
    assert found == ["what a had started lived 10.5 s after its guard", "still runs: 12: sleep"]
    assert list(judge.orphans(evidence(sign(11.0), faults=SimpleNamespace(kills=kills)))) == []


def test_an_unexpected_error_of_a_command_is_found() -> None:
    people = SimpleNamespace(crashes=["Traceback:\n  line\nKeyError: 'x'"])
    assert "KeyError" in "".join(judge.crashes(evidence(people=people)))
