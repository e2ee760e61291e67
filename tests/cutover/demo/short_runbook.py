"""The customer's runbook without the items that cost most and change nothing on which a rollback depends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from cutover.data_folder import PROJECT

RUNBOOK = PROJECT / "checklists" / "runbooks" / "covenant-connect.yaml"
#: Comparisons with the Prisma CLI, waits for traffic and jobs, and journeys of test accounts.
LEFT_OUT = {
    *("review-diff", "rehearse-alignment", "rehearse-runbook", "spot-check", "sanity-scripts"),
    *(
        "preflight",
        "diff-frozen",
        "migration-status",
        "sanity",
        "drift-again",
        "watch-pilot",
        "watch-queue",
        "prayer-job",
    ),
    *("oauth-sign-in", "sign-in-facebook", "sign-in-apple"),
    *("payment-smoke", "pay-paystack", "pay-fincra", "pay-flutterwave"),
}


def write_short_runbook(to: Path) -> Path:
    """Writes it; what needed an item that is left out needs what that item needed."""
    text = yaml.safe_load(re.sub(r"\[\[([\w-]+)\]\]", _name, RUNBOOK.read_text()))
    items = {item["key"]: item for phase in text["phases"] for item in phase["items"]}
    assert items.keys() >= LEFT_OUT, "the runbook has no such items"
    for phase in text["phases"]:
        phase["items"] = [_shorten(item, items) for item in phase["items"] if item["key"] not in LEFT_OUT]
    to.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
    return to


def _name(link: re.Match[str]) -> str:
    return link[1] if link[1] in LEFT_OUT else link[0]


def _shorten(item: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    short = dict(item)
    if needs := _needs(item, items):
        short["needs"] = needs
    if rehearsed := item.get("params", {}).get("items"):
        short["params"] = {**item["params"], "items": [key for key in rehearsed if key not in LEFT_OUT]}
    if "evidence" in item:
        short["evidence"] = [one for one in item["evidence"] if _key(one) not in LEFT_OUT]
    return short


def _key(evidence: str | dict[str, str]) -> str:
    return evidence if isinstance(evidence, str) else evidence["item"]


def _needs(item: dict[str, Any], items: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for key in item.get("needs", ()):
        found += _needs(items[key], items) if key in LEFT_OUT else [key]
    return list(dict.fromkeys(found))
