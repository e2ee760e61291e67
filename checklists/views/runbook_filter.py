"""Which rows of the runbook are shown: what a person chose and typed, as the address of the page says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict

from checklists.board import Board, ItemView
from checklists.models import Member
from checklists.states import SETTLED, ItemState
from checklists.status.pending_tasks import is_mine, responsible_people

LONGEST_SEARCH = 100  # characters
NOW: frozenset[ItemState] = frozenset(set(ItemState) - {ItemState.BLOCKED} - SETTLED)


@dataclass(frozen=True)
class BoardPeople:
    """A board with the logins of the people of each item: who is responsible for it, or did something."""

    board: Board
    member: Member | None
    concerned: Mapping[str, frozenset[str]]  # by key of the item

    @classmethod
    def read(cls, board: Board, member: Member | None) -> BoardPeople:
        """Computed once for a page: the filters ask for it in every row."""
        concerned = {key: _concerned_people(board, view) for key, view in board.items.items()}
        return cls(board, member, concerned)

    @cached_property
    def names(self) -> dict[str, str]:
        """Login → name of everybody who takes part, by name."""
        people = [member.person for member in self.board.members]
        names = {person.get_username(): person.first_name or person.get_username() for person in people}
        return dict(sorted(names.items(), key=lambda entry: entry[1].lower()))


def _concerned_people(board: Board, view: ItemView) -> frozenset[str]:
    item, attempt = view.item, view.attempt
    did = (item.claimed_by, item.done_by, item.skipped_by, attempt.requested_by if attempt else None)
    people = [*responsible_people(board, view), *(person for person in did if person is not None)]
    return frozenset(person.get_username() for person in people)


#: ``?show=`` → title of the filter, and which items it keeps.
FILTERS: dict[str, tuple[str, Callable[[ItemView, BoardPeople], bool]]] = {
    "all": ("All", lambda view, people: True),
    "mine": ("Mine", lambda view, people: is_mine(people.board, people.member, view)),
    "now": ("Now", lambda view, people: view.state in NOW),
    "blocked": ("Blocked", lambda view, people: view.state == ItemState.BLOCKED),
    "done": ("Done", lambda view, people: view.settled),
}


@dataclass(frozen=True)
class FilterChoice:
    """One entry of a filter: its value in the address, its title, and how many items it keeps."""

    value: str
    title: str
    number: int
    chosen: bool
    url: str = ""


@dataclass(frozen=True)
class RunbookFilter:
    """What the address asks for. What it does not name, or names wrongly, filters nothing."""

    show: str = "all"
    person: str = ""
    role: str = ""
    state: str = ""
    q: str = ""

    @classmethod
    def read(cls, query: QueryDict, people: BoardPeople) -> RunbookFilter:
        """From ``?show=&person=&role=&state=&q=``; ``person`` is a login."""
        show, person = query.get("show", "all"), query.get("person", "")
        role, state = query.get("role", ""), query.get("state", "")
        roles = {view.item.owner for view in people.board.items.values()}
        return cls(
            show=show if show in FILTERS else "all",
            person=person if person in people.names else "",
            role=role if role in roles else "",
            state=state if state in ItemState.values else "",
            q=" ".join(query.get("q", "").split())[:LONGEST_SEARCH],
        )

    @property
    def is_empty(self) -> bool:
        """Does it keep every row?"""
        return self == RunbookFilter()

    def query(self, **other: str) -> str:
        """The query of an address with this filter, without ``?``; ``other`` replaces parts of it."""
        parts = {**vars(self), **other}
        return urlencode({name: value for name, value in parts.items() if value})

    def keeps(self, view: ItemView, people: BoardPeople) -> bool:
        """Does it keep this item? The search is not asked: rows that it leaves out are there, but hidden."""
        return (
            FILTERS[self.show][1](view, people)
            and (not self.person or self.person in people.concerned[view.item.key])
            and (not self.role or view.item.owner == self.role)
            and (not self.state or view.state == self.state)
        )

    def finds(self, text: str) -> bool:
        """Are all the words that were typed in the text of a row? runbook.js asks the same."""
        return all(word in text for word in self.q.lower().split())


# ── what can be chosen ───────────────────────────────────────────────────────


def list_filters(chosen: RunbookFilter, people: BoardPeople, address: str) -> list[FilterChoice]:
    """The filters of ``?show=``, each with the number of items that it keeps beside the other choices."""
    others = replace(chosen, show="all")
    views = [view for view in people.board.items.values() if others.keeps(view, people)]
    return [
        FilterChoice(
            key,
            title,
            sum(keep(view, people) for view in views),
            key == chosen.show,
            f"{address}?{chosen.query(show=key)}",
        )
        for key, (title, keep) in FILTERS.items()
    ]


def list_people(chosen: RunbookFilter, people: BoardPeople) -> list[FilterChoice]:
    """Everybody who has to do with an item."""
    numbers = {login: sum(login in who for who in people.concerned.values()) for login in people.names}
    return [
        FilterChoice(login, name, numbers[login], login == chosen.person)
        for login, name in people.names.items()
        if numbers[login] or login == chosen.person
    ]


def list_roles(chosen: RunbookFilter, board: Board) -> list[FilterChoice]:
    """The roles that own items, in the runbook's order."""
    owners = [view.item.owner for view in board.items.values()]
    titles = {v.item.owner: v.item.owner_title or v.item.owner for v in board.items.values() if v.item.owner}
    return [FilterChoice(key, title, owners.count(key), key == chosen.role) for key, title in titles.items()]


def list_states(chosen: RunbookFilter, board: Board) -> list[FilterChoice]:
    """The states in which items are now."""
    states = [view.state for view in board.items.values()]
    return [
        FilterChoice(state.value, str(state.label), states.count(state), state == chosen.state)
        for state in ItemState
        if state in states or state == chosen.state
    ]
