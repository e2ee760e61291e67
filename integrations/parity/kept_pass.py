"""A full pass kept as a file: the bucket sums of both sides, and the state of both servers at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from integrations.parity.kept_file import read_facts, write_facts
from integrations.parity.plan import Buckets
from integrations.parity.state import State
from integrations.parity.sums import Sums

FORMAT = 1

Place = tuple[str, str]  # schema and name of a table on the source


@dataclass(frozen=True)
class KeptSums:
    """One table's sums on both sides, and what has to be the same for them to hold."""

    recipe: list[str]
    buckets: Buckets
    files: tuple[str, str]  # of source and target
    source: Sums
    target: Sums

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        sums = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        return {"recipe": self.recipe, "buckets": asdict(self.buckets), "files": list(self.files), **sums}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> KeptSums:
        """The way back from `as_facts`."""
        source, target = (Sums.from_facts(facts[side]) for side in ("source", "target"))
        files = (facts["files"][0], facts["files"][1])
        return cls(facts["recipe"], Buckets(**facts["buckets"]), files, source, target)


@dataclass
class KeptPass:
    """All that a recheck needs of a full pass."""

    taken_at: str
    source: State
    target: State
    tables: dict[Place, KeptSums] = field(default_factory=dict)

    def write(self, path: Path) -> str:
        """Writes it so that the file is there whole or not at all; gives its SHA-256."""
        tables = [[*place, kept.as_facts()] for place, kept in self.tables.items()]
        states = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        return write_facts({"format": FORMAT, "taken_at": self.taken_at, **states, "tables": tables}, path)


def read_pass(path: Path, sha256: str = "") -> KeptPass:
    """The pass of a file; raises `Problem` when it is gone, changed or of another format."""
    facts = read_facts(path, sha256, FORMAT, what="kept pass", instead="compare in full and keep that pass")
    tables = {(schema, name): KeptSums.from_facts(kept) for schema, name, kept in facts["tables"]}
    return KeptPass(facts["taken_at"], State(**facts["source"]), State(**facts["target"]), tables)
