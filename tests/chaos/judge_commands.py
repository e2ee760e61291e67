"""Decides whether what people and hosts did counted once, and whether nothing was decided without proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from checklists.executor.timings import TIMES
from checklists.models import Attempt, Tick
from tests.chaos.evidence import SLACK, Evidence, add_property

ALARM = 1.0  # seconds: a guard looks at its lease that often, whatever it waits for


@add_property("a host that is cut off stops its work")
def cut_offs(evidence: Evidence) -> Iterator[str]:
    """Nothing of an attempt lives beyond its guard's limit on a host that cannot reach the database."""
    last = {life.attempt: life.last for life in evidence.journal.lives()}
    limit = TIMES.kill + ALARM + SLACK
    for cut in evidence.faults.network.cut_offs:
        if cut.disturbed or cut.until is None:
            continue
        for attempt in cut.attempts:
            lived = min(last.get(attempt, 0.0), cut.until) - cut.at
            if lived > limit:
                yield f"what {attempt} had started lived {lived:.1f} s on {cut.host} after that was cut off"


@add_property("nothing is decided without proof of death")
def unproven(evidence: Evidence) -> Iterator[str]:
    """Nobody could decide about an attempt of a host that had gone before two people had declared it dead."""
    yield from evidence.people.unproven


@add_property("no form is carried out twice")
def forms(evidence: Evidence) -> Iterator[str]:
    """However often it arrived: not more attempts than different forms to start, one tick for an item."""
    tried = Counter((cutover, key) for cutover, key, _ in evidence.people.forms)
    begun = Counter(Attempt.objects.values_list("cutover", "item__key"))
    for (cutover, key), attempts in begun.items():
        if attempts > tried[cutover, key]:
            yield f"{key} of cutover {cutover} was started {attempts} times by {tried[cutover, key]} forms"
    for (cutover, key), ticks in Counter(Tick.objects.values_list("item__cutover", "item__key")).items():
        if ticks > 1:
            yield f"{key} of cutover {cutover} was ticked {ticks} times"
