"""Pages read what actions found as rows, which are masked for people who only watch (docs/adr/0038).

A query that takes single columns gets them as they are, and what is decided on a masked field is decided
otherwise for people who only watch. Both are refused here, in everything that pages are made of. What is
allowed all the same has its reason.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache

from django.apps import apps

from checklists.models.masked_rows import MaskedRow
from tests.source_tree import modules

#: They work with what was found and show nothing: commands, workers, the models themselves.
NOT_PAGES = ("executor", "services", "management", "models")
#: Queries that take columns out of rows, and SQL of one's own.
TAKES_COLUMNS = {
    "values",
    "values_list",
    "annotate",
    "alias",
    "aggregate",
    "extra",
    "raw",
    "in_bulk",
    "F",
    "RawSQL",
}
#: Function → why what it takes out of masked columns, or decides on them, shows nobody a value.
_OF_ACTIONS = "for actions, in workers and commands: no page shows a context"
_DECLARED = "`integrations.row_values` declares that this fact holds no value of a row"
_SAME_NAME = "a field of the same name of something that is not masked"
_HISTORY = "only an entry of an attempt is masked, and of it only what the action said"
ALLOWED = {
    "checklists.action_context._evidence": _OF_ACTIONS,
    "checklists.action_context._traces": _OF_ACTIONS,
    "checklists.board.answers._describe": "whether there is a sentence at all, masked or not",
    "checklists.board.board.signed_gates_on": _SAME_NAME,
    "checklists.board.gate_signatures._say_changed": "compared only where neither is masked",
    "checklists.board.later_facts._failed_check": "whether there is a sentence at all, masked or not",
    "checklists.board.production._read_overrides": _SAME_NAME,
    "checklists.board.rows._latest_evidence": "`_read_warnings` masks what it takes out",
    "checklists.board.views.facts": "whether there is evidence at all",
    "checklists.comparisons.masking.get_mask": "patterns of names of columns, by which values are masked",
    "checklists.comparisons.summary._count_declared": _SAME_NAME,
    "checklists.comparisons.summary._summarize_result": _SAME_NAME,
    "checklists.comparisons.summary.equal": "read with `found_values`: `PersonalMask` masks values by column",
    "checklists.comparisons.summary.get_comparison_summary": "read with `found_values`, as the line says",
    "checklists.comparisons.summary.is_sample": _DECLARED,
    "checklists.comparisons.summary.selection": "the runbook's own words, or that there are any",
    "checklists.comparisons.trend.with_counts": _DECLARED,
    "checklists.earlier_parameters.built_in_for": "SHA-256 of texts of the runbook",
    "checklists.record.chain._rows": "as it is, to verify it; who only watches gets the verdict alone",
    "checklists.record.history._attempt": "whether there is a sentence at all, masked or not",
    "checklists.record.history._gate": _HISTORY,
    "checklists.record.history._signed_on": _HISTORY,
    "checklists.record.history.read_history": _HISTORY,
    "checklists.record.attempts._compare": "for `record verify`, which reads everything",
    "checklists.revision": "a number that changes with the rows; it says nothing of them",
    "checklists.runbook.comparison._changed_settings": _SAME_NAME,
    "checklists.runbook.comparison.keys": _SAME_NAME,
    "checklists.runbook.yaml_mistakes._find_open_quote": _SAME_NAME,
    "checklists.runbook.yaml_mistakes.explain_mistake": _SAME_NAME,
    "checklists.templatetags.parity_tags.equal_as_kept": _SAME_NAME,
    "checklists.templatetags.parity_tags.mark_versions": _SAME_NAME,
    "checklists.views.amending._render_request": _SAME_NAME,
    "checklists.views.items._evidence_context": "whether there is a comparison at all; `mask_for` masks rows",
    "checklists.views.items._list_attempts": "whether there are warnings at all: they colour a badge",
    "checklists.views.gates._fact_rows": "whether there is evidence at all",
    "checklists.views.runbook_row.row_evidence": "whether there is evidence at all",
    "checklists.views.runbook_row.say_beside_title": "whether there is a sentence at all, masked or not",
    "checklists.views.record._numbers_of_signatures": "of entries of signatures, in which nothing is masked",
    "checklists.views.record.record": "of which type the entry is, whatever it says",
}


@cache
def masked_columns() -> dict[str, frozenset[str]]:
    """Table of a masked row → its columns that `hide_found_values` replaces, as its source names them."""
    rows = [model for model in apps.get_app_config("checklists").get_models() if issubclass(model, MaskedRow)]
    return {
        row._meta.db_table: frozenset(
            node.value
            for node in ast.walk(ast.parse(inspect.getsource(row.hide_found_values).strip()))
            if isinstance(node, ast.Constant)
            and node.value in {field.name for field in row._meta.get_fields()}
        )
        for row in rows
    }


def functions(tree: ast.Module, module: str) -> Iterator[tuple[str, ast.AST]]:
    """Dotted name → what it consists of; what stands outside of functions has the module's name."""
    inside = set()
    for node in ast.walk(tree):
        for one in ast.iter_child_nodes(node):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and id(one) not in inside:
                inside |= {id(part) for part in ast.walk(one)}
                yield f"{module}.{one.name}", one
    for node in ast.walk(tree):
        if id(node) not in inside and not isinstance(node, ast.Module | ast.ClassDef):
            yield module, node


def taken_columns(node: ast.AST, names: frozenset[str]) -> Iterator[str]:
    """Calls that take masked columns out of rows: by their name, or through a relation."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        texts = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant)]
        words = {word for text in texts if isinstance(text, str) for word in text.split("__")}
        if called in TAKES_COLUMNS and words & names:
            yield ast.unparse(call)[-120:]


def own_sql(node: ast.AST) -> Iterator[str]:
    """Texts that read a masked column of a masked table."""
    for text in ast.walk(node):
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            words = set(re.findall(r"\w+", text.value))
            for table, columns in masked_columns().items():
                if table in words and words & columns and "SELECT" in text.value.upper():
                    yield f"SQL reads {table}: {words & columns}"


def decided_fields(node: ast.AST, names: frozenset[str]) -> Iterator[str]:
    """Conditions and comparisons in which a masked field is read."""
    for condition in _conditions(node):
        for part in ast.walk(condition):
            if isinstance(part, ast.Attribute) and part.attr in names:
                yield ast.unparse(condition)[:120]


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    for part in ast.walk(node):
        if isinstance(part, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield part.test
        elif isinstance(part, ast.comprehension):
            yield from part.ifs
        elif isinstance(part, ast.Compare | ast.BoolOp):
            yield part
        elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
            yield part.operand
        elif isinstance(part, ast.Match):
            yield part.subject


def found_in_pages() -> dict[str, list[str]]:
    """Function → what in it reads masked columns past the masking, or decides on them."""
    names = frozenset[str]().union(*masked_columns().values())
    found: dict[str, list[str]] = {}
    for module, tree in modules().items():
        parts = module.split(".")
        if parts[0] != "checklists" or set(parts[1:2]) & set(NOT_PAGES):
            continue
        for name, node in functions(tree, module):
            hits = [*taken_columns(node, names), *own_sql(node), *decided_fields(node, names)]
            if hits:
                found.setdefault(name, []).extend(dict.fromkeys(hits))
    return found


def test_no_page_reads_past_the_masking_or_decides_on_what_is_masked() -> None:
    found = found_in_pages()
    assert {name: hits for name, hits in found.items() if name not in ALLOWED} == {}
    assert ALLOWED.keys() <= found.keys(), "an exception that nothing needs any more"


def test_what_is_masked_is_read_from_the_models() -> None:
    """A masked row that is new, or a further field of it, is covered by itself."""
    assert {"finding", "problem", "summary", "before"} < masked_columns()["checklists_attempt"]
    assert masked_columns()["checklists_evidence"] == {"facts"}
    assert all(masked_columns().values())
    tree = ast.parse(
        "def page(rows):\n    if rows[0].finding: pass\n    return rows.values_list('a__finding')"
    )
    names = frozenset({"finding"})
    assert list(decided_fields(tree, names))
    assert list(taken_columns(tree, names))
    assert list(own_sql(ast.parse("q = 'SELECT finding FROM checklists_attempt'")))
