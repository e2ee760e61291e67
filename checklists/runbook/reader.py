"""Reads a runbook: bytes → YAML tree → specs → document, and collects all errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from checklists.runbook.document import (
    DECISION_TIME,
    Document,
    ItemSpec,
    PhaseSpec,
    ReadResult,
    RecoveryTime,
    RunbookError,
)
from checklists.runbook.error_collector import ErrorCollector
from checklists.runbook.field_types import NAME, NAME_KEY, FieldSpec
from checklists.runbook.item_links import resolve_item_links
from checklists.runbook.program_checks import check_programs
from checklists.runbook.sections import ITEM, NEEDED, PHASE, RUNBOOK
from checklists.runbook.semantics import check_semantics
from checklists.runbook.system_checks import check_params, check_released, check_systems
from checklists.runbook.yaml_source import Node, UnreadableRunbook, decode, parse
from integrations import actions
from integrations.actions import AnyAction
from integrations.variables import ReleasedVariables

_TITLE = FieldSpec(NAME, "A title.", "")
_NAME = FieldSpec(NAME_KEY, "A key.", "")


def read(
    content: str | bytes,
    *,
    registry: Mapping[str, AnyAction] | None = None,
    environ: Mapping[str, str] | None = None,
    earlier: Mapping[str, Mapping[str, Any]] | None = None,
    released: ReleasedVariables | None = None,
) -> ReadResult:
    """Reads a file's content and reports all its errors at once, sorted by line.

    ``registry``: the known actions and their parameters (default: all registered actions).
    ``environ``: reports each variable that a system or parameter needs and that is not set, and each
    command whose program this installation does not allow, as errors that are not fatal. None skips both.
    ``earlier``: item's key → parameters that count as given (`checklists.earlier_parameters`).
    ``released``: reports each variable that the installation has not released; None skips it.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    try:
        text = decode(raw)
        root = parse(text)
    except UnreadableRunbook as error:
        return ReadResult(None, [RunbookError(error.line, "file", error.what, error.remedy)])
    errors = ErrorCollector()
    document = resolve_item_links(_document(root, text, hashlib.sha256(raw).hexdigest(), errors), errors)
    check_systems(root, environ, errors)
    check_params(root, environ, errors)
    if released is not None:
        check_released(root, released, errors)
    known = actions.registry() if registry is None else registry
    check_semantics(document.with_params(earlier or {}), root, known, errors)
    if environ is not None:
        check_programs(document, root, known, environ, errors)
    found = sorted(set(errors.errors), key=lambda error: (error.line, error.what))
    return ReadResult(None if any(error.is_fatal for error in found) else document, found)


def read_definitions(text: str) -> Document:
    """What a text that was accepted once defines, with ``[[links]]`` to items as they are written.

    Nothing is checked again, so that a runbook of an earlier version of the panel can still be compared.
    Raises `UnreadableRunbook` for what is not even YAML.
    """
    raw = text.encode()
    return _document(parse(decode(raw)), text, hashlib.sha256(raw).hexdigest(), ErrorCollector())


def _document(root: Node, text: str, sha256: str, errors: ErrorCollector) -> Document:
    found = errors.read_section(root, RUNBOOK, "runbook")
    systems = Node(1, found["systems"] or {}).plain()
    return Document(
        name=found["name"] or "",
        title=found["title"] or "",
        timezone=found["timezone"] or "UTC",
        text=text,
        sha256=sha256,
        systems={name: section for name, section in systems.items() if isinstance(section, dict)},
        roles=_titles(found["roles"] or {}, "roles", errors),
        seats=_titles(found["seats"] or {}, "seats", errors),
        phases=_phases(found["phases"] or [], errors),
        logs_for_stakeholders=bool(found["logs_for_stakeholders"]),
        rto=found["rto"] or RecoveryTime(),
        decision_time=found["decision_time"] or DECISION_TIME,
    )


def _titles(entries: dict[str, Node], section: str, errors: ErrorCollector) -> dict[str, str]:
    for key, node in entries.items():
        errors.read_value(Node(node.line, key), _NAME, section)
    return {key: errors.read_value(node, _TITLE, section, f"{key}: ") for key, node in entries.items()}


def _phases(nodes: list[Node], errors: ErrorCollector) -> tuple[PhaseSpec, ...]:
    phases = tuple(_phase(node, number, errors) for number, node in enumerate(nodes, start=1))
    _report_duplicates([(phase.key, phase.line) for phase in phases], "phase", errors)
    _report_duplicates([(item.key, item.line) for phase in phases for item in phase.items], "item", errors)
    return phases


def _report_duplicates(keys: list[tuple[str, int]], noun: str, errors: ErrorCollector) -> None:
    first: dict[str, int] = {}
    for key, line in keys:
        if key and key in first:
            what = f"another {noun} has this key already, in line {first[key]}."
            errors.add(line, f"{noun} {key}", what, "Rename one of them.")
        first.setdefault(key, line)


def _phase(node: Node, number: int, errors: ErrorCollector) -> PhaseSpec:
    name = _display_name(node, number)
    found = errors.read_section(node, PHASE, f"phase {name}")
    items = found.pop("items") or []
    if not items:
        errors.add(node.line, f"phase {name}", "it has no items.", "Add one, or take the phase out.")
    specs = (_item(child, f"{number}.{place}", errors) for place, child in enumerate(items, start=1))
    found = {field: "" if value is None else value for field, value in found.items()}
    return PhaseSpec(**found, number=str(number), items=tuple(specs), line=node.line)


def _item(node: Node, number: str, errors: ErrorCollector) -> ItemSpec:
    where = f"item {_display_name(node, number)}"
    found = errors.read_section(node, ITEM, where)
    kind = found["kind"] or "manual"
    if isinstance(node.value, dict) and found["kind"]:
        _check_kind(node, node.value, kind, where, errors)
    found["params"] = Node(node.line, found["params"] or {}).plain()
    required = {name: found[name] or "" for name in ("key", "title", "owner")}
    return ItemSpec(**{**found, **required, "kind": kind}, number=number, line=node.line)


def _check_kind(node: Node, entries: dict[str, Node], kind: str, where: str, errors: ErrorCollector) -> None:
    """Reports fields that this kind of item cannot have, and fields that it lacks."""
    for name, each in ITEM.items():
        if name in entries and kind not in each.only:
            what = f"{name}: means nothing for kind {kind}; it is for {' and '.join(sorted(each.only))}."
            errors.add(entries[name].line, where, what, "Take it out, or change kind:.")
    for name in NEEDED[kind]:
        if not entries.get(name, Node(0, None)).value:
            what = f"an item of kind {kind} needs {name}:, and it is missing or empty."
            errors.add(node.line, where, what, f"Add it. {ITEM[name].help}")


def _display_name(node: Node, number: Any) -> str:
    key = node.value.get("key") if isinstance(node.value, dict) else None
    return key.value if key and isinstance(key.value, str) else str(number)
