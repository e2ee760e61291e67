"""The nouns of the domain, one a file."""

from checklists.models.attempt import Attempt
from checklists.models.audit import AuditEntry, AuditHead
from checklists.models.backup import Backup
from checklists.models.cutover import Cutover, Member
from checklists.models.evidence import Evidence
from checklists.models.item import GateEvidence, Item, Note, Phase
from checklists.models.log import LogLine
from checklists.models.measurement import Measurement
from checklists.models.parity import ParityResult
from checklists.models.row_difference import RowDifference
from checklists.models.runbook import Runbook
from checklists.models.service import ServiceBeat
from checklists.models.sign_off import GatePass, SignOff
from checklists.models.table_progress import TableProgress

__all__ = [
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "Backup",
    "Cutover",
    "Evidence",
    "GateEvidence",
    "GatePass",
    "Item",
    "LogLine",
    "Measurement",
    "Member",
    "Note",
    "ParityResult",
    "Phase",
    "RowDifference",
    "Runbook",
    "ServiceBeat",
    "SignOff",
    "TableProgress",
]
