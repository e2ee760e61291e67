"""What is handed in with a tick: checks it, keeps it, and marks the item as done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from checklists.board import Board, ItemView
from checklists.compiled_query import compiled_query
from checklists.models import Cutover, Item, Member, Tick, TickFile
from checklists.models.audit import database_now
from checklists.services.permission import append_entry, authorize
from checklists.services.refusal import CommandRefused
from checklists.states import MemberPart, Requirement
from integrations.sizes import format_bytes

MAX_NOTE, MAX_NAME = 4000, 120
MAX_FILES, MAX_FILE_SIZE = 5, 5_000_000


def _is_text(content: bytes) -> bool:
    try:
        return "\x00" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False


#: Ending of a file's name → its media type, and how its content is recognized. Nothing that a browser runs
#: (HTML, SVG) is among them.
FILE_KINDS: Mapping[str, tuple[str, Callable[[bytes], bool]]] = {
    ".png": ("image/png", lambda content: content.startswith(b"\x89PNG\r\n\x1a\n")),
    ".jpg": ("image/jpeg", lambda content: content.startswith(b"\xff\xd8\xff")),
    ".jpeg": ("image/jpeg", lambda content: content.startswith(b"\xff\xd8\xff")),
    ".pdf": ("application/pdf", lambda content: content.startswith(b"%PDF-")),
    ".txt": ("text/plain; charset=utf-8", _is_text),
    ".log": ("text/plain; charset=utf-8", _is_text),
    ".csv": ("text/csv; charset=utf-8", _is_text),
    ".json": ("application/json", _is_text),
}


@dataclass(frozen=True)
class HandedFile:
    """A file as it was handed in; its name may hold a path, which is dropped."""

    name: str
    content: bytes


@dataclass(frozen=True)
class HandedIn:
    """What a person hands in with a tick; ``on_behalf_of`` is a member, ``on_behalf_of_name`` is none."""

    note: str = ""
    files: Sequence[HandedFile] = field(default_factory=tuple)
    on_behalf_of: User | None = None
    on_behalf_of_name: str = ""


def check_handed_in(item: Item, given: HandedIn, people: Sequence[User]) -> None:
    """Raises `CommandRefused` when something that the item requires is missing, or a file is refused.

    ``people``: those who have a part in the cutover.
    """
    if Requirement.NOTE in item.requires and not given.note.strip():
        raise CommandRefused(
            f"{item} requires a note.", means="It is not ticked.", next="Write what its instructions ask for."
        )
    if Requirement.FILE in item.requires and not given.files:
        raise CommandRefused(f"{item} requires a file.", means="It is not ticked.", next="Choose one.")
    if "\x00" in given.note + given.on_behalf_of_name or len(given.note) > MAX_NOTE:
        raise CommandRefused(
            f"The note is longer than {MAX_NOTE} characters, or holds a NUL character.",
            next="Shorten it, or hand it in as a file.",
        )
    if len(given.files) > MAX_FILES:
        raise CommandRefused(f"These are more than {MAX_FILES} files.", next="Hand in fewer.")
    for file in given.files:
        _check_file(file)
    _check_on_behalf_of(given, people)


def _check_file(file: HandedFile) -> None:
    name = PurePath(file.name).name
    known = FILE_KINDS.get(PurePath(name).suffix.lower())
    if known is None or not known[1](file.content):
        raise CommandRefused(
            f"“{name}” is none of {', '.join(sorted(FILE_KINDS))}, or its content is of another kind.",
            next="Hand in a picture, a PDF or a text.",
        )
    if not file.content or len(file.content) > MAX_FILE_SIZE:
        size = format_bytes(len(file.content))
        raise CommandRefused(
            f"“{name}” has {size}; a file has at most {format_bytes(MAX_FILE_SIZE)} and is not empty.",
            next="Make it smaller, or keep it elsewhere and note its address.",
        )


def _check_on_behalf_of(given: HandedIn, people: Sequence[User]) -> None:
    name = given.on_behalf_of_name.strip()
    if given.on_behalf_of and name:
        raise CommandRefused("Two people are named as those who did it.", next="Name one.")
    if given.on_behalf_of and given.on_behalf_of not in people:
        raise CommandRefused(
            f"{given.on_behalf_of} has no part in this cutover.", next="Write the name in words instead."
        )
    # As a mere name, a member who did it could also confirm it.
    if name and any(name.casefold() in _names_of(person) for person in people):
        raise CommandRefused(f"{name} has an account here.", next="Choose them in the list of members.")


def _names_of(person: User) -> set[str]:
    names = (person.get_username(), person.first_name, person.get_full_name())
    return {name.casefold() for name in names if name}


def keep_tick(item: Item, given: HandedIn, by: User) -> Tick:
    """Writes what was handed in, after `check_handed_in`."""
    tick = Tick.objects.create(
        item=item,
        by=by,
        at=database_now(),
        note=given.note.strip(),
        on_behalf_of=given.on_behalf_of if given.on_behalf_of != by else None,
        on_behalf_of_name=given.on_behalf_of_name.strip()[:150],
    )
    tick.set_files([_keep_file(tick, file) for file in given.files])
    tick.set_no_request()
    return tick


def _keep_file(tick: Tick, file: HandedFile) -> TickFile:
    name = PurePath(file.name).name
    stem, suffix = PurePath(name).stem, PurePath(name).suffix.lower()
    return TickFile.objects.create(
        tick=tick,
        name=stem[: MAX_NAME - len(suffix)] + suffix,
        media_type=FILE_KINDS[suffix][0],
        size=len(file.content),
        sha256=hashlib.sha256(file.content).hexdigest(),
        content=file.content,
    )


def apply_tick(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Marks an item as done after a second person confirmed it.

    ``payload``: ``tick``, the number of the row with what was handed in. Raises `CommandRefused` when the
    item cannot be ticked any more: it is skipped or done, was amended, or a rollback was ordered.
    """
    assert confirmed_by is not None  # also in rehearsals
    tick = Tick.objects.with_details().select_related("item__cutover").get(pk=payload["tick"])
    if tick.item.superseded_at is not None:
        raise CommandRefused(
            f"{tick.item} was amended since it was ticked.", next="Withdraw this, and tick it again."
        )
    board, view = authorize(tick.item, "tick", by=requested_by)
    mark_done(board, view, by=requested_by)
    about = {"item": view.item.key, "title": view.item.title, **describe_tick(tick)}
    who = requested_by.get_username()
    append_entry(cutover, "item.confirmed", by=confirmed_by, requested_by=who, reason=reason, **about)


def mark_done(board: Board, view: ItemView, *, by: User) -> None:
    """Writes the tick into the item; the database checks that all that it requires is there."""
    view.item.done_by, view.item.done_at = by, board.now
    view.item.save(update_fields=["done_by", "done_at"])


def describe_tick(tick: Tick) -> dict[str, Any]:
    """What was handed in, as the record has it: the files by name, size and SHA-256."""
    return {name: value for name, value in tick.as_facts().items() if name != "confirmed_by"}


def members_who_act(cutover: Cutover) -> list[Member]:
    """The members who may have done a manual item: everybody but stakeholders."""
    return _members_who_act(cutover.pk)


@compiled_query
def _members_who_act(cutover: int) -> QuerySet[Member]:
    members = Member.objects.filter(cutover=cutover)
    return members.exclude(part=MemberPart.STAKEHOLDER).select_related("person")
