"""The tables of the domain, one noun in each file."""

from checklists.models.attempt import Attempt
from checklists.models.audit import AuditEntry, AuditHead
from checklists.models.backup import Backup, BackupVerification
from checklists.models.change_request import ChangeRequest
from checklists.models.cutover import Cutover, Member
from checklists.models.evidence import Evidence
from checklists.models.gate_look import GateLook
from checklists.models.host_death import HostDeath
from checklists.models.item import GateEvidence, Item, Note, Phase
from checklists.models.item_preview import ItemPreview
from checklists.models.log import LogLine, ShownLine
from checklists.models.measurement import Measurement
from checklists.models.member_change import MemberChange
from checklists.models.no_go_answer import NoGoAnswer
from checklists.models.parity import ParityResult
from checklists.models.preflight import PreflightResult, PreflightRun
from checklists.models.released_variable import ReleasedVariable
from checklists.models.row_difference import RowDifference
from checklists.models.runbook import Runbook
from checklists.models.service import ServiceBeat
from checklists.models.sign_off import GatePass, SignOff
from checklists.models.simulated_forecast import SimulatedForecast
from checklists.models.status_link import StatusLink
from checklists.models.table_progress import TableProgress
from checklists.models.tick import Tick, TickFile

__all__ = [
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "Backup",
    "BackupVerification",
    "ChangeRequest",
    "Cutover",
    "Evidence",
    "GateEvidence",
    "GateLook",
    "GatePass",
    "HostDeath",
    "Item",
    "ItemPreview",
    "LogLine",
    "Measurement",
    "Member",
    "MemberChange",
    "NoGoAnswer",
    "Note",
    "ParityResult",
    "Phase",
    "PreflightResult",
    "PreflightRun",
    "ReleasedVariable",
    "RowDifference",
    "Runbook",
    "ServiceBeat",
    "ShownLine",
    "SignOff",
    "SimulatedForecast",
    "StatusLink",
    "TableProgress",
    "Tick",
    "TickFile",
]
