"""Reads a runbook file, and says all that is wrong with it, with line numbers.

Pure: text in, frozen dataclasses out; no models, no database. `read` is the door::

    reading = read(Path("covenant-connect.yaml").read_bytes(), environ=os.environ)
    for mistake in reading.mistakes: print(mistake.line, mistake.what, mistake.remedy)
    reading.document  # None while a mistake stops it
"""

from checklists.runbook.document import (
    Document,
    EvidenceSpec,
    ItemSpec,
    Mistake,
    PhaseSpec,
    Reading,
)
from checklists.runbook.durations import duration_text, parse_duration
from checklists.runbook.reader import read
from checklists.runbook.schema import json_schema

__all__ = [
    "Document",
    "EvidenceSpec",
    "ItemSpec",
    "Mistake",
    "PhaseSpec",
    "Reading",
    "duration_text",
    "json_schema",
    "parse_duration",
    "read",
]
