"""The customer's runbook without items that cost most and change nothing on which the others depend."""

from __future__ import annotations

import re
from collections.abc import Set
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


class ShortRunbook:
    """Leaves items out of a runbook; what needed one of them needs what that item needed."""

    def __init__(self, left_out: Set[str]) -> None:
        self.left_out = left_out
        self.text = yaml.safe_load(re.sub(r"\[\[([\w-]+)\]\]", self._name, RUNBOOK.read_text()))
        self._items = {item["key"]: item for phase in self.text["phases"] for item in phase["items"]}
        assert self._items.keys() >= left_out, "the runbook has no such items"
        for phase in self.text["phases"]:
            phase["items"] = [self._shorten(item) for item in phase["items"] if item["key"] not in left_out]

    def _name(self, link: re.Match[str]) -> str:
        return link[1] if link[1] in self.left_out else link[0]

    def _shorten(self, item: dict[str, Any]) -> dict[str, Any]:
        short = dict(item)
        if needs := self._needs(item):
            short["needs"] = needs
        if rehearsed := item.get("params", {}).get("items"):
            short["params"] = {
                **item["params"],
                "items": [key for key in rehearsed if key not in self.left_out],
            }
        if "evidence" in item:
            short["evidence"] = [one for one in item["evidence"] if _key(one) not in self.left_out]
        return short

    def _needs(self, item: dict[str, Any]) -> list[str]:
        found: list[str] = []
        for key in item.get("needs", ()):
            found += self._needs(self._items[key]) if key in self.left_out else [key]
        return list(dict.fromkeys(found))


def write_short_runbook(to: Path, left_out: Set[str] = LEFT_OUT) -> Path:
    """Writes the runbook without these items."""
    text = ShortRunbook(left_out).text
    to.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
    return to


def _key(evidence: str | dict[str, str]) -> str:
    return evidence if isinstance(evidence, str) else evidence["item"]
