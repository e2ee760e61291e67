"""Which items of a direction belong to the window, and which come after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from checklists.board import Board, ItemView


def views_of_direction(board: Board, direction: str) -> list[ItemView]:
    """The items of one direction, in the runbook's order."""
    return board.views_of(direction)


def marked_item(board: Board, direction: str, mark: str) -> ItemView | None:
    """The item that the runbook marks with ``service_restored`` or ``ends_window``, in that direction."""
    return next((v for v in views_of_direction(board, direction) if getattr(v.item, mark)), None)


def needs_of(view: ItemView, board: Board) -> tuple[str, ...]:
    """What an item waits for: its needs, and in a rollback what has to be taken back before."""
    follows = [other.item.key for other in board.rollback_plan.must_follow(view)]
    return (*view.item.needs, *follows) if follows else tuple(view.item.needs)


def window_keys(board: Board, direction: str) -> set[str] | None:
    """The keys of the items of the window; None where the runbook marks no end.

    Those before the marked item in the file, and what it needs. What stands after it, or needs it, comes
    after the window; so does an optional item on which nothing of the window waits.
    """
    end = marked_item(board, direction, "ends_window")
    if end is None:
        return None
    views = views_of_direction(board, direction)
    needs = {view.item.key: needs_of(view, board) for view in views}
    place = {view.item.key: number for number, view in enumerate(views)}
    after = _reached_from(end.item.key, _turn_round(needs)) - {end.item.key}
    before = {key for key in place if place[key] <= place[end.item.key]} - after
    required = {key for key in before if not board.items[key].item.optional} | {end.item.key}
    return set().union(*(_reached_from(key, needs) for key in required)) & place.keys() - after


def _turn_round(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {}
    for key, before in needs.items():
        for need in before:
            followers.setdefault(need, []).append(key)
    return followers


def _reached_from(key: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    """The key itself, and everything that the edges lead to."""
    found, waiting = {key}, [key]
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def reached_from(key: str, board: Board) -> set[str]:
    """An item and everything that it needs, directly or through others."""
    return _reached_from(key, {view.item.key: needs_of(view, board) for view in board.items.values()})
