"""How each guard of the panel is taken away for a control run, from outside: the product has no switch.

Guards in code are lines that are replaced while a process of the panel imports them; guards in the database
are dropped by the superuser. A line that is not there any more ends the run: a control must not rot unseen.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


@dataclass(frozen=True)
class Guard:
    """The property that it protects, the lines that do it (module, line, replacement), and the SQL that
    takes it away."""

    violates: str
    lines: tuple[tuple[str, str, str], ...] = ()
    sql: str = ""


EXECUTOR = "checklists.executor"
DROP_APPEND_ONLY = """
DO $$ DECLARE found record; BEGIN
    FOR found IN
        SELECT tgname, tgrelid::regclass AS place FROM pg_trigger WHERE tgname LIKE '%append\\_only%'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.place);
    END LOOP;
END $$
"""
DROP_STARTED_WITH_ENTRY = DROP_APPEND_ONLY.replace("append\\_only", "is\\_started\\_with")
NOT_OURS = "fence != attempt.fence or fresh.status != AttemptStatus.CLAIMED"
HERE = "    here, place ="
DECLARED = "    return _find_declaration(attempt)"
GUARDS = {
    "fence": Guard(
        "no AT_MOST_ONCE effect twice",
        (
            (f"{EXECUTOR}.fence", "id = %(id)s AND fence = %(fence)s AND", "id = %(id)s AND"),
            (f"{EXECUTOR}.begin_effect", f"if fresh.{NOT_OURS}:", "if False:"),
            (f"{EXECUTOR}.writers.log", "if cursor.fetchone() != (after,):", "if False:"),
            (f"{EXECUTOR}.finish", "filter(pk=attempt.pk, fence=attempt.fence)", "filter(pk=attempt.pk)"),
        ),
    ),
    "epoch": Guard(
        "nothing forward after a rollback",
        (
            (f"{EXECUTOR}.begin_effect", "if attempt.epoch != cutover.epoch:", "if False:"),
            (f"{EXECUTOR}.begin_effect", "if attempt.direction != cutover.direction:", "if False:"),
            (f"{EXECUTOR}.begin_effect", "if view.blockers:", "if False:"),
            (f"{EXECUTOR}.begin_effect", "AND epoch = (SELECT epoch FROM", "AND 0 <= (SELECT epoch FROM"),
        ),
    ),
    "resource": Guard(
        "no two attempts at once on a resource", sql="DROP INDEX one_holder_a_resource"
    ),
    "live-attempt": Guard(
        # the deferred trigger would refuse the forged row as well, because it has no entry in the record
        "no AT_MOST_ONCE effect twice", sql=f"DROP INDEX one_live_attempt_an_item; {DROP_STARTED_WITH_ENTRY}"
    ),
    "proof-of-death": Guard(
        "no AT_MOST_ONCE effect twice",
        ((f"{EXECUTOR}.process.proof_of_death", HERE, f"    return 'Somebody said so.'\n{HERE}"),),
    ),
    "self-stop": Guard(
        "a host that is cut off stops its work",
        (
            (
                f"{EXECUTOR}.guard",
                "if self.child is None or self.lease.age < TIMES.ask_to_stop:",
                "if True:",
            ),
        ),
    ),
    "declaration": Guard(
        "nothing is decided without proof of death",
        ((f"{EXECUTOR}.process.proof_of_death", DECLARED, f"    return 'Somebody said so.'\n{DECLARED}"),),
    ),
    "same-form": Guard(
        "no form is carried out twice",
        (("checklists.services.attempts", "(after is not None and latest.number > after)", "False"),),
    ),
    "append-only": Guard("all records verify", sql=DROP_APPEND_ONLY),
    "redactor": Guard(
        "no secret byte anywhere",
        (("integrations.redact.redactor", "forms = encoded_forms(secret)", "forms = set[str]()"),),
    ),
    "verification": Guard(
        "verified backups restore",
        (
            ("integrations.actions.backup_verify", "        if problems:", "        if False:"),
            (
                "integrations.actions.backup_verify",
                "result, kept_as = _restore_into_scratch(params, archive, manifest, report)",
                "result, kept_as = RestoreResult(seconds=0.1), ''",
            ),
        ),
    ),
}  # fmt: skip


class GuardIsElsewhere(Exception):
    """The product changed: the lines that a control run takes away are not where `GUARDS` says."""


class _WeakenedLoader(SourceFileLoader):
    """Loads a module from its source with lines replaced; reads and writes no compiled file."""

    changes: Sequence[tuple[str, str]] = ()

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        source = weaken(self.get_data(path).decode(), self.changes, path)
        return compile(source, path, "exec", dont_inherit=True)


class _WeakeningFinder(MetaPathFinder):
    """Finds the modules of a guard before everybody else does."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec only for a module with a line of the guard."""
        changes = [(old, new) for module, old, new in self.guard.lines if module == fullname]
        found = PathFinder.find_spec(fullname, path, target) if changes else None
        if found is None or found.origin is None:
            return None
        loader = _WeakenedLoader(fullname, found.origin)
        loader.changes = changes
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=loader)


def weaken(source: str, changes: Sequence[tuple[str, str]], path: str) -> str:
    """The source with each line replaced. Raises `GuardIsElsewhere` unless each is there exactly once."""
    for old, new in changes:
        if source.count(old) != 1:
            raise GuardIsElsewhere(f"{path} has {source.count(old)} times: {old.strip()}")
        source = source.replace(old, new)
    return source


def take_away(name: str) -> None:
    """In a process of the panel, before it imports anything: from now on it lacks this guard."""
    guard = GUARDS[name]
    imported = [module for module, _, _ in guard.lines if module in sys.modules]
    assert not imported, imported
    sys.meta_path.insert(0, _WeakeningFinder(guard))
