"""Read-only queries: what a cutover has done to the old and the new service, replayed in its order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from checklists.board.board import Board
from checklists.board.views import ItemView
from checklists.models import Item
from checklists.states import Direction, ItemState

FREEZE, OLD, NEW, TRAFFIC = "freeze", "old", "new", "traffic"
#: Actions that move people from one service to the other, that which moves most of them first.
SWITCHES = ("lb.shift", "ingress.switch", "dns.switch")
#: An item in one of these states may have happened, or not, or only in part.
UNCERTAIN = (ItemState.UNKNOWN, ItemState.CONTRADICTED, ItemState.FAILED)
HAPPENED = (ItemState.DONE, ItemState.UNDONE)  # what was undone is followed by the item that undid it


@dataclass
class Services:
    """Both services after what has happened so far."""

    frozen_at: datetime | None = None
    old_stopped_at: datetime | None = None
    new_stopped_at: datetime | None = None
    switched_at: datetime | None = None  # everyone is on the new service
    share: int | None = None  # percent of the people who try the new service; 0: some by name
    uncertain: set[str] = field(default_factory=set)

    @property
    def on_new(self) -> bool:
        """Do all people use the new service?"""
        return self.switched_at is not None


def replay_services(board: Board) -> Services:
    """Both services after everything that this cutover did to them, in the order of its endings."""
    views = [view for view in board.items.values() if topic_of(view, board)]
    services = Services()
    for view in sorted(views, key=lambda view: _ended_at(view, board)):
        if view.state in UNCERTAIN:
            services.uncertain.add(topic_of(view, board))
        elif view.state in HAPPENED and view.settled_at:
            services.uncertain.discard(topic_of(view, board))
            _apply(view, view.settled_at, services, board)
    return services


def _ended_at(view: ItemView, board: Board) -> datetime:
    ended = view.attempt.ended_at if view.attempt and view.state in UNCERTAIN else view.settled_at
    return ended or board.now


def topic_of(view: ItemView, board: Board) -> str:
    """What the item changes for people; empty for all others."""
    match view.item.action:
        case "freeze.on" | "freeze.off":
            return FREEZE
        case "service.stop" | "service.start":
            return NEW if _is_of_new_service(view, board) else OLD
        case action if action and action == main_switch(board):
            return TRAFFIC
        case _ if view.item.service_restored and not main_switch(board):
            return TRAFFIC  # the runbook marks it: its own action says nothing about people
    return ""


def main_switch(board: Board) -> str:
    """The action by which most people are moved, of those that the runbook has."""
    used = {view.item.action for view in board.items.values()}
    return next((action for action in SWITCHES if action in used), "")


def _is_of_new_service(view: ItemView, board: Board) -> bool:
    """Services that are started on the way forward are those of the new stack."""
    new: set[str] = set()
    for other in board.items.values():
        if other.item.action == "service.start" and other.item.phase.direction == Direction.FORWARD:
            new |= _services_of(other)
    return bool(_services_of(view) & new)


def _services_of(view: ItemView) -> set[str]:
    named = view.item.params.get("services")
    return {str(name) for name in named} if isinstance(named, list) else set()


def _apply(view: ItemView, at: datetime, services: Services, board: Board) -> None:
    match view.item.action:
        case "freeze.on":
            services.frozen_at = at
        case "freeze.off":
            services.frozen_at = None
        case "service.stop" if topic_of(view, board) == NEW:
            services.new_stopped_at = at
        case "service.start" if topic_of(view, board) == NEW:
            services.new_stopped_at = None
        case "service.stop":
            services.old_stopped_at = at
        case "service.start":
            services.old_stopped_at = None
        case _:
            _apply_switch(view, at, services)


def _apply_switch(view: ItemView, at: datetime, services: Services) -> None:
    if view.item.service_restored and view.item.action not in SWITCHES:
        is_back = view.item.phase.direction == Direction.ROLLBACK
        services.switched_at = None if is_back else at
        services.frozen_at = services.old_stopped_at = None
    elif view.item.params.get("back_to"):
        services.switched_at, services.share = None, None
    elif moves_everyone(view):
        services.switched_at, services.share = at, None
    else:
        services.switched_at, services.share = None, share_of(view)


def moves_everyone(view: ItemView) -> bool:
    """Does the item lead everyone to the new service? A share of them, or people by name, is a pilot."""
    params = view.item.params
    if view.item.action not in SWITCHES or params.get("back_to"):
        return False
    return view.item.action != "lb.shift" or str(params.get("to")) == "100"


def leads_people_to_new(item: Item) -> bool:
    """Does the item lead anybody to the new service: everyone, a share of them, or people by name?"""
    if item.phase.direction == Direction.ROLLBACK:
        return False
    return item.service_restored or (item.action in SWITCHES and not item.params.get("back_to"))


def share_of(view: ItemView) -> int:
    """The percentage of people whom a pilot leads to the new service; 0 where it names people."""
    share = str(view.item.params.get("to", ""))
    return int(share) if share.isdecimal() else 0
