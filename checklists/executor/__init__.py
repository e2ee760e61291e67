"""Runs attempts of actions. The modules at this level are the steps of one attempt, in this order:

1. `claim`: one executor takes a QUEUED attempt, with a new fence number and a lease.
2. `lease`: the executor renews it by heartbeats; an executor whose fence is stale writes nothing.
3. `launch`: a message leads to a guard process of its own.
4. `guard`: the guard starts the action's process (`process/`) and stores what it reports (`writers/`).
5. `begin_effect`: commits CLAIMED → RUNNING before the first byte of effect, or refuses.
6. `outcome`: decides the final status from what the guard knows.
7. `finish`: writes status, evidence and audit entry in one transaction.

Beside them: `dispatcher` wakes workers for QUEUED attempts, `reaper` finds lost leases, `probe` finds out
what an UNKNOWN attempt did, `polling` does without Redis. `fence` is the condition of every write.

A preflight is no attempt: it belongs to a cutover and changes nothing. `preflight_queue` queues, wakes and
ends runs of it, `preflight_run` carries one out. `preview_run` does the same for the preview of an item.
"""

from checklists.executor.dispatcher import wake_queued_attempts
from checklists.executor.heartbeats import record_heartbeat
from checklists.executor.launch import launch_guard, run_attempt, run_preflight
from checklists.executor.local_prober import is_probed_where_it_ran
from checklists.executor.preflight_queue import wake_queued_preflights
from checklists.executor.preview_run import run_preview, wake_queued_previews
from checklists.executor.probe import probe_attempt
from checklists.executor.reaper import Reaper
from checklists.executor.writers.evidence import store_evidence

__all__ = [
    "Reaper",
    "is_probed_where_it_ran",
    "launch_guard",
    "probe_attempt",
    "record_heartbeat",
    "run_attempt",
    "run_preflight",
    "run_preview",
    "store_evidence",
    "wake_queued_attempts",
    "wake_queued_preflights",
    "wake_queued_previews",
]
