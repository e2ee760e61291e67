"""Whether what was written to a table since an earlier snapshot can be told from the versions of its rows."""

from __future__ import annotations

from integrations.parity.errors import ParityError
from integrations.parity.model.plan import TablePlan
from integrations.parity.server.server_state import ServerState, has_name_types, read_server_state
from integrations.parity.server.snapshot import Snapshot

FileDigests = dict[tuple[str, str], str]  # (schema, name) of a table → digest of its files


def require_state(snapshot: Snapshot) -> ServerState:
    """The state of a server; raises `ParityError` where the role may not see it."""
    state = read_server_state(snapshot)
    if isinstance(state, str):
        raise ParityError(
            f"A pass over {snapshot.server.address} cannot be kept: {state}.",
            means="Without it, a restored server could be taken for the one that was read.",
            next="Grant the role EXECUTE on pg_control_system() and pg_control_checkpoint(),"
            " or compare in full.",
        )
    return state


def why_never_kept(plan: TablePlan) -> str:
    """Why sums of this table are never kept; empty when they are."""
    if not plan.key:
        return "it has no key by which its rows fall into buckets"
    if plan.source.is_view or plan.target.is_view:
        return "it is a view, whose rows have no versions"
    if plan.source.has_foreign_parts or plan.target.has_foreign_parts:
        return "some of its rows are in foreign tables, and have no versions"
    if plan.has_expressions:
        return "it is compared through SQL of its own, which may read other tables"
    if has_name_types(column.base for table in (plan.source, plan.target) for column in table.columns):
        return "it holds names of other objects, which may be renamed without touching it"
    return ""


def files_of(files: tuple[FileDigests, FileDigests], plan: TablePlan) -> tuple[str, str]:
    """The digests of a table's files on both sides."""
    source, target = plan.source, plan.target
    return files[0].get((source.schema, source.name), ""), files[1].get((target.schema, target.name), "")
