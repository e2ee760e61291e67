"""Pages take a masked fact for a mask, whatever the action recorded there: a list, a mapping or a number.

Every action of the registry leaves the evidence that its type describes, with every fact filled in. Who only
watches reads a mask in place of most of them, and gets every page all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from checklists.models import Cutover, Item
from integrations.actions import registry
from integrations.row_values import MASK, mask_facts
from tests.by_hand import by_hand
from tests.checklists.canaries.items import list_actions
from tests.checklists.histories import ended, make_cutover, sign
from tests.checklists.views.test_masked_values import addresses, read_all
from tests.integrations.evidence_samples import TEXT, sample_evidence

ITEM = "      - {{key: {key}, title: {key}, kind: action, owner: lead, action: sample.look}}"
GATE = """
      - {{key: go, title: Go on?, kind: gate, owner: lead, needs: [{keys}], quorum: 1, opens: All.,
         seats: [technical, data, finance], evidence: [{evidence}]}}"""
RUNBOOK = """
name: every-action
title: Every action
timezone: UTC
systems: {{}}
roles: {{lead: Migration lead}}
seats: {{technical: Technical, data: Data, finance: Finance}}
phases:
  - key: there
    title: There
    items:
{items}{gate}
  - key: back
    title: Back
    direction: rollback
    items:
{back}
"""
#: A mask that is taken for a list comes out as its characters, one by one.
TAKEN_FOR_A_LIST = re.compile(r">\s*•\s*<")


GROUPS = 6  # items on the way there in the suite; in a long run each action has one of its own


def group_actions(number: int) -> dict[str, list[str]]:
    """Key of an item → the actions whose evidence it has. Those that may run at any time are alone.

    Merged evidence is as good as separate: pages tell facts by their names.
    """
    keys = list_actions()
    groups = {f"there-{at}": keys[at::number] for at in range(number)}
    return groups | {f"back-{at}": [key] for at, key in enumerate(keys) if registry()[key].any_direction}


def write_runbook(groups: Iterable[str]) -> str:
    """A runbook with these items; a gate relies on all of the way there."""
    there = [key for key in groups if key.startswith("there")]
    evidence = ", ".join(f"{{item: {key}, fresh_for: 1h}}" for key in there)
    return RUNBOOK.format(
        items="\n".join(ITEM.format(key=key) for key in there),
        gate=GATE.format(keys=", ".join(there), evidence=evidence),
        back="\n".join(ITEM.format(key=key) for key in groups if key not in there),
    )


def leave_evidence(cutover: Cutover, key: str, actions: list[str]) -> None:
    """A verdict with every fact; what its probe found and what was there before are facts as well."""
    facts = {name: fact for action in actions for name, fact in sample_evidence(registry()[action]).items()}
    finding = {"seen": "DONE", "saw": "It is done.", "facts": facts, "dead": "yes", "at": TEXT}
    more = {"finding": finding, "before": facts, "problem": {"what": "a", "means": "b", "next": "c"}}
    ended(cutover, key, facts=facts, action=actions[0], **more)


@pytest.fixture
def night(transactional_db: None, settings: Any, request: pytest.FixtureRequest) -> Cutover:
    """Every action has a verdict; the gate was signed on other facts than there are now."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    is_long = bool(request.config.getoption("--property-round"))
    groups = group_actions(len(list_actions()) if is_long else GROUPS)
    cutover = make_cutover(text=write_runbook(groups))
    with by_hand():
        for key, actions in groups.items():
            Item.objects.filter(cutover=cutover, key=key).update(action=actions[0])
    for key, actions in groups.items():
        ended(cutover, key, facts={"warnings": ["It was otherwise."]}, action=actions[0])
    sign(cutover, "efua", "technical")
    for key, actions in groups.items():
        leave_evidence(cutover, key, actions)
    return cutover


def addresses_of(cutover: Cutover) -> list[str]:
    """Every page for the gate, and the page of each item with both of its attempts."""
    pages = [item.get_absolute_url() for item in Item.objects.filter(cutover=cutover).exclude(key="go")]
    return [*addresses(cutover, "go"), *pages, *(f"{page}?attempt=1" for page in pages)]


def broken(pages: dict[str, str]) -> list[str]:
    """What is wrong with them: an error, or a mask of which every character is shown as an entry."""
    return [
        f"{address}: {text[:300] if failed else 'a mask is taken for a list'}"
        for address, text in pages.items()
        if (failed := re.match(r"\S+ 5\d\d: ", text)) or TAKEN_FOR_A_LIST.search(text)
    ]


@pytest.mark.property
def test_people_who_only_watch_get_every_page_whatever_an_action_recorded(night: Cutover) -> None:
    seen = read_all("yaw", addresses_of(night))
    assert broken(seen) == []
    assert sum(" 200: " in text for text in seen.values()) > 2 * night.items.count()


def test_samples_have_every_fact() -> None:
    """An empty sample would say nothing of the pages that read it."""
    facts = sample_evidence(registry()["rollback.assess"])["loss"]
    assert facts["money"][0]
    assert facts["tables"]["people"]["keys"]
    masked = mask_facts({"loss": facts})["loss"]
    assert (masked["money"], masked["tables"]["people"]["keys"]) == (MASK, MASK)
