"""Reads a runbook: bytes → tree → specs → document, with every mistake on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from checklists.runbook.document import Document, ItemSpec, Mistake, PhaseSpec, Reading
from checklists.runbook.environment import check_params, check_systems
from checklists.runbook.kinds import NAME, NAME_KEY, Field
from checklists.runbook.links import with_numbers
from checklists.runbook.meaning import check_meaning
from checklists.runbook.notebook import Notebook
from checklists.runbook.sections import ITEM, NEEDED, PHASE, RUNBOOK
from checklists.runbook.source import Node, Refused, decode, parse
from integrations import actions
from integrations.actions.base import Action

_TITLE = Field(NAME, "A title.", "")
_NAME = Field(NAME_KEY, "A key.", "")


def read(
    content: str | bytes,
    *,
    registry: Mapping[str, Action] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Reading:
    """Reads a file's content and says all that is wrong with it at once, in the order of its lines.

    ``registry`` (default: every action there is) says what actions and parameters are known.
    With ``environ`` each variable that systems and parameters need and it does not set is told as a mistake
    that does not stop; None leaves the environment out.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    try:
        text = decode(raw)
        root = parse(text)
    except Refused as refused:
        return Reading(None, [Mistake(refused.line, "file", refused.what, refused.remedy)])
    notes = Notebook()
    document = with_numbers(_document(root, text, hashlib.sha256(raw).hexdigest(), notes), notes)
    check_systems(root, environ, notes)
    check_params(root, environ, notes)
    check_meaning(document, root, actions.registry() if registry is None else registry, notes)
    mistakes = sorted(set(notes.mistakes), key=lambda mistake: (mistake.line, mistake.what))
    return Reading(None if any(mistake.stops for mistake in mistakes) else document, mistakes)


def _document(root: Node, text: str, sha256: str, notes: Notebook) -> Document:
    found = notes.section(root, RUNBOOK, "runbook")
    systems = Node(1, found["systems"] or {}).plain()
    return Document(
        name=found["name"] or "",
        title=found["title"] or "",
        timezone=found["timezone"] or "UTC",
        text=text,
        sha256=sha256,
        systems={name: section for name, section in systems.items() if isinstance(section, dict)},
        roles=_titles(found["roles"] or {}, "roles", notes),
        seats=_titles(found["seats"] or {}, "seats", notes),
        phases=_phases(found["phases"] or [], notes),
    )


def _titles(entries: dict[str, Node], section: str, notes: Notebook) -> dict[str, str]:
    for key, node in entries.items():
        notes.value(Node(node.line, key), _NAME, section)
    return {key: notes.value(node, _TITLE, section, f"{key}: ") for key, node in entries.items()}


def _phases(nodes: list[Node], notes: Notebook) -> tuple[PhaseSpec, ...]:
    phases = tuple(_phase(node, number, notes) for number, node in enumerate(nodes, start=1))
    _refuse_twins([(phase.key, phase.line) for phase in phases], "phase", notes)
    _refuse_twins([(item.key, item.line) for phase in phases for item in phase.items], "item", notes)
    return phases


def _refuse_twins(keys: list[tuple[str, int]], noun: str, notes: Notebook) -> None:
    first: dict[str, int] = {}
    for key, line in keys:
        if key and key in first:
            what = f"a second {noun} has this key, the first stands in line {first[key]}."
            notes.add(line, f"{noun} {key}", what, "Rename one of them.")
        first.setdefault(key, line)


def _phase(node: Node, number: int, notes: Notebook) -> PhaseSpec:
    name = _name_of(node, number)
    found = notes.section(node, PHASE, f"phase {name}")
    items = found.pop("items") or []
    if not items:
        notes.add(node.line, f"phase {name}", "it has no items.", "Add one, or take the phase out.")
    specs = (_item(child, f"{number}.{place}", notes) for place, child in enumerate(items, start=1))
    found = {field: "" if value is None else value for field, value in found.items()}
    return PhaseSpec(**found, number=str(number), items=tuple(specs), line=node.line)


def _item(node: Node, number: str, notes: Notebook) -> ItemSpec:
    where = f"item {_name_of(node, number)}"
    found = notes.section(node, ITEM, where)
    kind = found["kind"] or "manual"
    if isinstance(node.value, dict) and found["kind"]:
        _check_kind(node, node.value, kind, where, notes)
    found["params"] = Node(node.line, found["params"] or {}).plain()
    required = {name: found[name] or "" for name in ("key", "title", "owner")}
    return ItemSpec(**{**found, **required, "kind": kind}, number=number, line=node.line)


def _check_kind(node: Node, entries: dict[str, Node], kind: str, where: str, notes: Notebook) -> None:
    """What only other kinds of item have, and what this kind cannot be without."""
    for name, each in ITEM.items():
        if name in entries and kind not in each.only:
            what = f"{name}: means nothing for kind {kind}; it is for {' and '.join(sorted(each.only))}."
            notes.add(entries[name].line, where, what, "Take it out, or change kind:.")
    for name in NEEDED[kind]:
        if not entries.get(name, Node(0, None)).value:
            what = f"an item of kind {kind} needs {name}:, and it is missing or empty."
            notes.add(node.line, where, what, f"Add it. {ITEM[name].help}")


def _name_of(node: Node, number: Any) -> str:
    key = node.value.get("key") if isinstance(node.value, dict) else None
    return key.value if key and isinstance(key.value, str) else str(number)
