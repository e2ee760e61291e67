"""Reads samples of the text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LABEL = re.compile(r'\b(?P<name>[a-zA-Z_]\w*+)="(?P<value>[^"\\]*+(?:\\.[^"\\]*+)*)"\s*+(?:,\s*+)?')
LABELS = r'(?:[a-zA-Z_]\w*+="[^"\\]*+(?:\\.[^"\\]*+)*"\s*+(?:,\s*+)?)*'
SAMPLE = re.compile(
    rf"(?<![\w:])(?P<name>[a-zA-Z_:][\w:]*+)(?:\s*+\{{(?P<labels>{LABELS})\}})?\s++(?P<value>\S++)(?:\s++-?\d++)?"
)
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Sample(NamedTuple):
    """One value of a metric."""

    name: str
    labels: dict[str, str]
    value: float


def parse_samples(text: str) -> Iterator[Sample]:
    """Yields every sample. Raises ValueError for a line of another form."""
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        if match is None:
            raise ValueError(f"no sample: {line[:80]}")
        labels = {m["name"]: _unescape(m["value"]) for m in LABEL.finditer(match["labels"] or "")}
        yield Sample(match["name"], labels, float(match["value"]))


def read_count(sample: Sample) -> int:
    """The value of a counter. Raises ValueError for one that no counter can have, and OverflowError."""
    count = int(sample.value)
    if count < 0:
        raise ValueError(f"{sample.name} is negative")
    return count


def _unescape(text: str) -> str:
    return re.sub(r"\\.", lambda match: ESCAPES.get(match[0], match[0]), text)
