"""Creates what a rehearsal needs: the runbook, five people and one open rehearsal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.contrib.auth.models import Permission, User
from django.db import transaction

from checklists import services
from checklists.models import Cutover, Runbook
from checklists.runbook import read
from checklists.states import CutoverKind, MemberPart
from cutover.data_folder import PROJECT
from integrations.systems import list_variables

RUNBOOK = PROJECT / "checklists" / "runbooks" / "covenant-connect.yaml"
SLUG = "first-rehearsal"
TITLE = "Covenant Connect, first rehearsal"


@dataclass(frozen=True)
class DemoPerson:
    """A person of the demo. ``people.json`` in the data folder has these fields as keys."""

    username: str
    first_name: str
    last_name: str
    part: str
    password: str = field(repr=False)

    @property
    def name(self) -> str:
        """The full name, as pages show it."""
        return f"{self.first_name} {self.last_name}"


PEOPLE = [
    ("kwame", "Kwame", "Boateng", MemberPart.LEAD),
    ("efua", "Efua", "Owusu", MemberPart.APPROVER),
    ("kofi", "Kofi", "Asante", MemberPart.APPROVER),
    ("ama", "Ama", "Darko", MemberPart.STAKEHOLDER),
    ("abena", "Abena", "Sarpong", MemberPart.LEAD),  # the second person, where neither approver can be it
]


def new_people() -> list[DemoPerson]:
    """Five people with fresh random passwords."""
    return [
        DemoPerson(username, first, last, part, secrets.token_urlsafe(12))
        for username, first, last, part in PEOPLE
    ]


def save_people(people: Sequence[DemoPerson], path: Path) -> None:
    """Writes people and passwords to a file (0600), for the next start."""
    path.touch(0o600)
    path.write_text(json.dumps([asdict(person) for person in people], indent=2))


def load_people(path: Path) -> list[DemoPerson]:
    """Reads the file that `save_people` wrote."""
    return [DemoPerson(**person) for person in json.loads(path.read_text())]


@transaction.atomic
def stage_rehearsal(
    people: Sequence[DemoPerson], *, runbook: Path = RUNBOOK, slug: str = SLUG, title: str = TITLE
) -> Cutover:
    """Opens the rehearsal, or finds the one that an earlier start opened. Raises `CommandRefused`."""
    users = {person.username: _ensure_user(person) for person in people}
    lead = next(users[person.username] for person in people if person.part == MemberPart.LEAD)
    text = runbook.read_text()
    services.release_variables(names=list_variables(text), by=None, reason="The runbook of the demo.")
    found = Cutover.objects.filter(slug=slug).first()
    if found is not None:
        return found
    loaded = services.load_runbook(text=text, by=lead)
    approvers = sum(person.part == MemberPart.APPROVER for person in people)
    cutover = services.open_cutover(
        runbook=loaded,
        kind=CutoverKind.REHEARSAL,
        title=title,
        slug=slug,
        by=lead,
        rehearsal_quorum=approvers,
    )
    for person in people:
        _add_member(cutover, loaded, person, users[person.username], lead)
    return cutover


def _ensure_user(person: DemoPerson) -> User:
    user, is_new = User.objects.get_or_create(
        username=person.username,
        defaults={"first_name": person.first_name, "last_name": person.last_name},
    )
    if is_new or not user.check_password(person.password):
        user.set_password(person.password)
        user.save()
    if person.part == MemberPart.LEAD:  # whoever tries the demo as its lead opens a cutover of their own, too
        user.user_permissions.add(Permission.objects.get(codename="add_cutover"))
    return user


def _add_member(cutover: Cutover, runbook: Runbook, person: DemoPerson, user: User, lead: User) -> None:
    """The leads own every item; approvers may sit in any seat, and each signs in one of them."""
    document = read(runbook.text).document
    assert document is not None  # the cutover was opened from this text
    services.add_member(
        cutover=cutover,
        person=user,
        part=MemberPart(person.part),
        seats=list(document.seats) if person.part == MemberPart.APPROVER else [],
        roles=list(document.roles) if person.part == MemberPart.LEAD else [],
        by=lead,
    )
