"""The defects of the customer's system as data, and which of them are repaired in a sandbox."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from integrations.sandbox.private_files import write_private

FILE = Path(__file__).with_name("repairs.yaml")
SEEN = Path(__file__).with_name("seen.yaml")
NEEDED = ("key", "wrong", "change", "items", "cause", "facts")  # fields of an entry

SEEN_NEEDED = ("key", "wrong", "why", "facts")

NEW_SETTINGS = "new.env"  # the file of the new environment's settings, in the sandbox's folder


class Profile(StrEnum):
    """With which repairs a sandbox begins."""

    RECORDED = "recorded"  # none: the customer's system as it is
    REPAIRED = "repaired"  # all of them


@dataclass(frozen=True)
class Repair:
    """One defect of the customer's system, and the smallest change that repairs it."""

    key: str
    wrong: str
    change: str
    items: tuple[str, ...]  # keys of the runbook's items that report the defect
    cause: str  # pattern that the verdict of each of these items matches
    facts: str  # where it was recorded
    unset: tuple[str, ...] = ()  # settings that the repair takes out of the new environment

    def is_reported_by(self, item: str, verdict: str) -> bool:
        """Does this verdict of an item name the defect?"""
        return self.find_words(item, verdict) is not None

    def find_words(self, item: str, verdict: str) -> re.Match[str] | None:
        """The words with which this verdict of an item names the defect; None when it does not."""
        return re.search(self.cause, verdict, re.IGNORECASE) if item in self.items else None


def _read_yaml(path: Path) -> Any:
    import yaml  # here: programs that start often import this module, and most of them read no such file

    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def load_repairs(path: Path = FILE) -> dict[str, Repair]:
    """All repairs by their keys, in the order of the file. Raises ValueError for an incomplete entry."""
    repairs: dict[str, Repair] = {}
    for entry in _read_yaml(path) or []:
        empty = [name for name in NEEDED if not entry.get(name)]
        if empty or entry["key"] in repairs:
            raise ValueError(f"{path.name}: {entry} lacks {empty}, or its key is taken")
        lists = {name: tuple(entry.get(name, ())) for name in ("items", "unset")}
        repairs[entry["key"]] = Repair(**{**entry, **lists})
    return repairs


def find_reported(repairs: Iterable[Repair], item: str, verdict: str) -> list[Repair]:
    """Those of the repairs whose defects this verdict of an item names, each with words of its own.

    Of two that the same words would name only the first counts: perhaps there is only one defect.
    """
    found: list[tuple[Repair, re.Match[str]]] = []
    for repair in repairs:
        words = repair.find_words(item, verdict)
        if words and all(words.end() <= other.start() or other.end() <= words.start() for _, other in found):
            found.append((repair, words))
    return [repair for repair, _ in found]


@dataclass(frozen=True)
class SeenDefect:
    """One defect of the customer's system on which no item of the runbook depends."""

    key: str
    wrong: str
    why: str  # why no item depends on it
    facts: str  # where it was recorded


def load_seen(path: Path = SEEN) -> list[SeenDefect]:
    """All of them, in the order of the file. Raises ValueError for an entry that is not whole."""
    found = [SeenDefect(**entry) for entry in _read_yaml(path)]
    keys = [one.key for one in found]
    taken = {key for key in keys if keys.count(key) > 1 or key in load_repairs()}
    if taken or not all(getattr(one, name) for one in found for name in SEEN_NEEDED):
        raise ValueError(f"{path.name}: an entry lacks something, or a key is taken: {sorted(taken)}")
    return found


class AppliedRepairs:
    """Which repairs are applied in a sandbox: a file that its programs read again at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> AppliedRepairs:
        """Those of the sandbox that a program belongs to; none where REPAIRS_FILE is not set."""
        return cls(Path(environ.get("REPAIRS_FILE", "")))

    def begin(self, profile: Profile) -> None:
        """Writes the first state of a new sandbox; a file that is there stays."""
        if not self.path.exists():
            self._write(set(load_repairs()) if profile is Profile.REPAIRED else set())

    def has(self, key: str) -> bool:
        """Is this repair applied? Raises KeyError for a key that `repairs.yaml` does not have."""
        load_repairs()[key]
        return self.path.is_file() and key in json.loads(self.path.read_text())

    def apply(self, key: str) -> None:
        """Applies one repair, as the customer would by changing their code or settings."""
        unset = load_repairs()[key].unset
        self._write({*json.loads(self.path.read_text()), key})
        settings = self.path.with_name(NEW_SETTINGS)
        if unset and settings.exists():
            write_private(settings, without_settings(settings.read_text(), unset))

    def unset(self) -> tuple[str, ...]:
        """The settings that the applied repairs take out of the new environment."""
        return tuple(name for key, repair in load_repairs().items() if self.has(key) for name in repair.unset)

    def _write(self, keys: set[str]) -> None:
        write_private(self.path, json.dumps(sorted(keys)))


def without_settings(text: str, names: Collection[str]) -> str:
    """An environment file's text without the lines of these settings."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("=")[0] not in names)


SEEN_INTRO = """
    These do not stop the move, and no check waits for them. Each has the reason. The list is
    `integrations/sandbox/seen.yaml`.
"""


def describe_defects() -> str:
    """All defects as a page in Markdown, for the people who repair them: docs/reference/defects.md."""
    intro = """
        What was found in the new stack of Covenant Connect, with the smallest change that repairs each
        defect. `./panel demo --fresh --autopilot recorded` plays a rehearsal in which every one of them is
        reported by a check of the runbook, and then repaired. The list is
        `integrations/sandbox/repairs.yaml`; `python -m integrations.sandbox.repairs` writes this page.
    """
    parts = ["# Defects of Covenant Connect", _wrap(intro)]
    for repair in load_repairs().values():
        items = ", ".join(f"`{item}`" for item in repair.items)
        parts += [
            f"## {repair.key}",
            _wrap(repair.wrong),
            _wrap(f"**Repair:** {repair.change}"),
            _wrap(f"Reported by {items}. Recorded in {repair.facts}."),
        ]
    parts += ["## Seen, and no item depends on it", _wrap(SEEN_INTRO)]
    for seen in load_seen():
        parts.append(_wrap(f"**{seen.key}.** {seen.wrong} *{seen.why}* Recorded in {seen.facts}."))
    return "\n\n".join(parts) + "\n"


def _wrap(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(describe_defects())
