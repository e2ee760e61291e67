"""Dependencies between items: all that one needs, and cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checklists.runbook.document import ItemSpec


def transitive_needs(key: str, items: Mapping[str, ItemSpec]) -> set[str]:
    """Keys of everything that must be done before this item, directly or through others."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        item = items.get(waiting.pop())
        new = set(item.needs) - found if item else set()
        found |= new
        waiting.extend(new)
    return found


def find_cycles(needs: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Each cycle of needs once, as the path around it: [a, b, a].

    Uses an explicit stack: a chain of a thousand items would exceed Python's recursion limit.
    """
    found: list[list[str]] = []
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        place: dict[str, int] = {}  # key → its index in path
        steps = _walk(start, needs, done)
        for key, entering in steps:
            if not entering:
                path.pop()
                del place[key]
                done.add(key)
            elif key in place:
                found.append([*path[place[key] :], key])
            else:
                place[key] = len(path)
                path.append(key)
    return found


def _walk(start: str, needs: Mapping[str, tuple[str, ...]], done: set[str]) -> Iterator[tuple[str, bool]]:
    """Depth first from ``start``: (key, True) when a key is entered, (key, False) when left.

    A key that is on the path already is entered a second time, which shows a cycle, and is not left for
    that visit.
    """
    if start in done:
        return
    open_keys = {start}
    stack = [(start, iter(needs.get(start, ())))]
    yield start, True
    while stack:
        key, rest = stack[-1]
        after = next(rest, None)
        if after is None:
            stack.pop()
            open_keys.discard(key)
            yield key, False
        elif after in open_keys:
            yield after, True
        elif after not in done and after in needs:
            open_keys.add(after)
            stack.append((after, iter(needs[after])))
            yield after, True
