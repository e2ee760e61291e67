"""Sets the stage of a rehearsal on one machine: the runbook, four people, one open rehearsal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from checklists import services
from checklists.models import Cutover, Runbook
from checklists.runbook import read
from checklists.states import Kind, Part

RUNBOOK = Path(__file__).parent / "runbooks" / "covenant-connect.yaml"
SLUG = "first-rehearsal"
TITLE = "Covenant Connect, first rehearsal"


@dataclass(frozen=True)
class Player:
    """Someone who takes part in the rehearsal, and the password that opens the door for them."""

    username: str
    first_name: str
    last_name: str
    part: str
    password: str = field(repr=False)

    @property
    def name(self) -> str:
        """As it stands on the pages."""
        return f"{self.first_name} {self.last_name}"


CAST = [
    ("kwame", "Kwame", "Boateng", Part.LEAD),
    ("efua", "Efua", "Owusu", Part.APPROVER),
    ("kofi", "Kofi", "Asante", Part.APPROVER),
    ("ama", "Ama", "Darko", Part.STAKEHOLDER),
]


def cast() -> list[Player]:
    """Four people with fresh random passwords."""
    return [
        Player(username, first, last, part, secrets.token_urlsafe(12)) for username, first, last, part in CAST
    ]


def save_cast(players: Sequence[Player], path: Path) -> None:
    """Keeps them for a restart, readable by nobody else."""
    path.touch(0o600)
    path.write_text(json.dumps([asdict(player) for player in players], indent=2))


def load_cast(path: Path) -> list[Player]:
    """Those that `save_cast` kept."""
    return [Player(**player) for player in json.loads(path.read_text())]


@transaction.atomic
def set_stage(players: Sequence[Player], *, runbook: Path = RUNBOOK, slug: str = SLUG) -> Cutover:
    """The rehearsal, opened at the first time and found again later. Raises `services.Refused`."""
    people = {player.username: _person(player) for player in players}
    lead = next(people[player.username] for player in players if player.part == Part.LEAD)
    found = Cutover.objects.filter(slug=slug).first()
    if found is not None:
        return found
    loaded = services.load_runbook(text=runbook.read_text(), by=lead)
    approvers = sum(player.part == Part.APPROVER for player in players)
    cutover = services.open_cutover(
        runbook=loaded, kind=Kind.REHEARSAL, title=TITLE, slug=slug, by=lead, rehearsal_quorum=approvers
    )
    for player in players:
        _add(cutover, loaded, player, people[player.username], lead)
    return cutover


def _person(player: Player) -> User:
    person, made = User.objects.get_or_create(
        username=player.username,
        defaults={"first_name": player.first_name, "last_name": player.last_name},
    )
    if made or not person.check_password(player.password):
        person.set_password(player.password)
        person.save()
    return person


def _add(cutover: Cutover, runbook: Runbook, player: Player, person: User, lead: User) -> None:
    """The lead owns every item; approvers may sit in any seat, each signs in one of them."""
    document = read(runbook.text).document
    assert document is not None  # it was opened from this text
    services.add_member(
        cutover=cutover,
        person=person,
        part=Part(player.part),
        seats=list(document.seats) if player.part == Part.APPROVER else [],
        roles=list(document.roles) if player.part == Part.LEAD else [],
        by=lead,
    )
