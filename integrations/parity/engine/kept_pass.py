"""A full pass kept in a file: bucket sums of both sides, and the state of both servers at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from integrations.parity.engine.checksummed_file import read_facts, write_facts
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.sums import BucketSums
from integrations.parity.server.server_state import ServerState

FORMAT = 1

TablePlace = tuple[str, str]  # schema and name of a table on the source


@dataclass(frozen=True)
class KeptTableSums:
    """One table's sums on both sides, and what has to be unchanged for them to be valid.

    ``files`` are the digests of the table's files (`read_file_digests`) on source and target.
    """

    recipe: list[str]
    buckets: BucketScheme
    files: tuple[str, str]
    source: BucketSums
    target: BucketSums

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` reads them."""
        sums = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        return {"recipe": self.recipe, "buckets": asdict(self.buckets), "files": list(self.files), **sums}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> KeptTableSums:
        """The sums from `as_facts`."""
        source, target = (BucketSums.from_facts(facts[side]) for side in ("source", "target"))
        files = (facts["files"][0], facts["files"][1])
        return cls(facts["recipe"], BucketScheme(**facts["buckets"]), files, source, target)


@dataclass
class KeptPass:
    """Everything that a recheck needs of a full pass."""

    taken_at: str
    source: ServerState
    target: ServerState
    tables: dict[TablePlace, KeptTableSums] = field(default_factory=dict)

    def write(self, path: Path) -> str:
        """Writes the file completely or not at all; returns its SHA-256."""
        tables = [[*place, kept.as_facts()] for place, kept in self.tables.items()]
        states = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        return write_facts({"format": FORMAT, "taken_at": self.taken_at, **states, "tables": tables}, path)


def read_kept_pass(path: Path, sha256: str = "") -> KeptPass:
    """The pass of a file; raises `ParityError` when it is gone, was changed or has another format."""
    facts = read_facts(path, sha256, FORMAT, what="kept pass", instead="compare in full and keep that pass")
    tables = {(schema, name): KeptTableSums.from_facts(kept) for schema, name, kept in facts["tables"]}
    source, target = ServerState(**facts["source"]), ServerState(**facts["target"])
    return KeptPass(facts["taken_at"], source, target, tables)
