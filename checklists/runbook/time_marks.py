"""What a runbook says about times: the items that mark moments, and hints where it marks none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checklists.runbook.dependencies import transitive_needs
from checklists.runbook.document import Document, ItemSpec
from checklists.runbook.error_collector import ErrorCollector, suggest
from checklists.runbook.yaml_source import Node

#: Mark → what is not known without it, in each direction.
_UNKNOWN_WITHOUT = {
    ("service_restored", "forward"): "when people can write again is not known",
    ("ends_window", "forward"): "when the last item of the window is done is not known",
    ("service_restored", "rollback"): "how long going back takes, and until when it is safe, is not known",
    ("ends_window", "rollback"): "when the last item of a rollback in the window is done is not known",
}


def check_time_marks(
    document: Document,
    items: Mapping[str, ItemSpec],
    root: Node,
    lines: Mapping[int, Mapping[str, Node]],
    errors: ErrorCollector,
) -> None:
    """Reports marks that two items of one direction carry, and an RTO between items that cannot be."""
    for name in ("service_restored", "ends_window"):
        for first, *others in document.marked(name).values():
            for key in others:
                item = items[key]
                node = lines.get(item.line, {}).get(name)
                what = f"{name}: “{first}” has this mark already; one item of each direction has it."
                errors.add(node.line if node else item.line, f"item {key}", what, "Keep one of them.")
    _check_rto(document, items, root, errors)


def _check_rto(document: Document, items: Mapping[str, ItemSpec], root: Node, errors: ErrorCollector) -> None:
    begin, end = document.rto.from_item, document.rto.to_item
    if not begin:
        return
    node = root.value["rto"] if isinstance(root.value, dict) else root
    missing = [key for key in (begin, end) if key not in items]
    for key in missing:
        errors.add(node.line, "runbook", f"rto: there is no item “{key}”.", suggest(key, items))
    if not missing and (begin == end or end in transitive_needs(begin, items)):
        what = f"rto: “{end}” does not come after “{begin}”."
        errors.add(node.line, "runbook", what, "Name first the item that takes the service away.")


def list_time_hints(document: Document) -> list[str]:
    """What the panel cannot tell because the runbook does not mark it, each with what to add."""
    return list(_time_hints(document))


def _time_hints(document: Document) -> Iterator[str]:
    directions = {phase.direction for phase in document.phases}
    for (name, direction), unknown in _UNKNOWN_WITHOUT.items():
        if direction in directions and direction not in document.marked(name):
            yield f"no item of the {direction} direction has {name}: true, so {unknown}."
    if not document.rto.from_item:
        yield "rto: {from: KEY, to: KEY} is missing, so the time without service is not measured."
