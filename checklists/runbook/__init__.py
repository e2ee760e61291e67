"""Reads a runbook file and reports all its errors with line numbers.

Pure: text in, frozen dataclasses out; no models, no database::

    reading = read(Path("runbook.yaml").read_bytes(), environ=os.environ)
    for error in reading.errors: print(error.line, error.what, error.remedy)
    reading.document  # None while an error is_fatal it
"""

from checklists.runbook.comparison import (
    TIME_MARKS,
    Change,
    FieldChange,
    ItemChange,
    RunbookChanges,
    compare_documents,
    dependent_gates,
)
from checklists.runbook.contents import (
    list_commands,
    list_early_phases,
    list_irreversible,
    list_systems,
    list_variables,
)
from checklists.runbook.document import (
    DECISION_TIME,
    Document,
    EvidenceSpec,
    ItemSpec,
    PhaseSpec,
    ReadResult,
    RecoveryTime,
    RunbookError,
)
from checklists.runbook.json_schema import json_schema
from checklists.runbook.numbering import keep_numbers
from checklists.runbook.reader import read, read_definitions
from checklists.runbook.time_marks import list_time_hints

__all__ = [
    "DECISION_TIME",
    "TIME_MARKS",
    "Change",
    "Document",
    "EvidenceSpec",
    "FieldChange",
    "ItemChange",
    "ItemSpec",
    "PhaseSpec",
    "ReadResult",
    "RecoveryTime",
    "RunbookChanges",
    "RunbookError",
    "compare_documents",
    "dependent_gates",
    "json_schema",
    "keep_numbers",
    "list_commands",
    "list_early_phases",
    "list_irreversible",
    "list_systems",
    "list_time_hints",
    "list_variables",
    "read",
    "read_definitions",
]
