"""What people handed in when they ticked manual items: a note, files, and on whose behalf."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Q
from django.urls import reverse

from checklists.models.change_request import ChangeRequest
from checklists.models.decision_record_rules import tick_has_its_entry
from checklists.models.definition_rules import written_now
from checklists.models.item import Item
from checklists.models.person_rules import ticked_by_a_lead
from checklists.models.read_rows import ReadRow
from checklists.models.story_rules import file_belongs_to_its_tick
from checklists.models.triggers import append_only
from checklists.states import ChangeDecision

PERSON = settings.AUTH_USER_MODEL


def _is_one_of(column: str, rows: models.QuerySet[Any]) -> models.Func:
    """Whether the column names one of these rows, which PostgreSQL finds before all else."""
    return models.Func(
        models.F(column),
        ArraySubquery(rows.values("pk")),
        arg_joiner=" = ANY (",
        template="%(expressions)s)",
        output_field=models.BooleanField(),
    )


class TickQuerySet(models.QuerySet["Tick"]):
    """Queries over ticks."""

    def with_people(self) -> TickQuerySet:
        """With people and request."""
        return self.select_related("by", "on_behalf_of", "request__decided_by", "request__requested_by")

    def with_details(self) -> TickQuerySet:
        """With people, request and files, but without the contents of the files."""
        files = TickFile.objects.defer("content")
        return self.with_people().prefetch_related(models.Prefetch("files", files))

    def of_cutover(self, cutover: int) -> TickQuerySet:
        """Those of its items, which are found before all else.

        Joined with them, a plan that is made without statistics compares every tick with every item, and each
        pair with every person.
        """
        return self.filter(_is_one_of("item_id", Item.objects.filter(cutover=cutover)))


class Tick(ReadRow):
    """One tick of a manual item. Taking the tick back leaves this row; ticking again writes another one.

    Where the item asks for a second person, a ``request`` belongs to it: before that is confirmed, the item
    is not done.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="ticks")
    by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    note = models.TextField(blank=True)
    # who did the work: a member, or the name of somebody without an account; neither: ``by``
    on_behalf_of = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    on_behalf_of_name = models.CharField(max_length=150, blank=True)

    objects = TickQuerySet.as_manager()

    class Meta:
        ordering = ["item", "id"]
        triggers = [*append_only(), written_now(), ticked_by_a_lead(), tick_has_its_entry()]
        constraints = [
            models.CheckConstraint(
                condition=Q(on_behalf_of=None) | Q(on_behalf_of_name=""), name="on_behalf_of_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} by {self.by_id}"

    def set_files(self, files: Iterable[TickFile]) -> None:
        """Gives it its files, which were read with those of other ticks or have just been written."""
        known = _no_files()
        if kept := list(files):
            known = TickFile.objects.filter(tick=self)
            known._result_cache = kept  # as `prefetch_related` does
        self._prefetched_objects_cache = {"files": known}

    def set_no_request(self) -> None:
        """Says of a new tick that no request belongs to it yet, so that nobody asks the database."""
        self._state.fields_cache["request"] = None

    @property
    def done_for(self) -> str:
        """The name of the person on whose behalf it was ticked; empty for the person's own work."""
        return self.on_behalf_of.get_username() if self.on_behalf_of else self.on_behalf_of_name

    @property
    def open_request(self) -> ChangeRequest | None:
        """The request for a second person, while nobody has decided it."""
        request = getattr(self, "request", None)  # the other side of a one-to-one field
        return request if request is not None and request.is_open else None

    @property
    def second_person(self) -> User | None:
        """Who confirmed it; None while nobody did."""
        request = getattr(self, "request", None)
        return request.decided_by if request and request.decision == ChangeDecision.CONFIRMED else None

    @property
    def confirmed_by(self) -> str:
        """The user name of the second person; empty while there is none."""
        return self.second_person.get_username() if self.second_person else ""

    def as_facts(self) -> dict[str, Any]:
        """What a gate shows and a signature is bound to; empty when nothing was handed in."""
        facts = {
            "note": self.note,
            "on_behalf_of": self.done_for,
            "confirmed_by": self.confirmed_by,
            "files": [file.as_facts() for file in self.files.all()],
        }
        return {name: value for name, value in facts.items() if value}


class TickFileQuerySet(models.QuerySet["TickFile"]):
    """Queries over files."""

    def of_cutover(self, cutover: int) -> TickFileQuerySet:
        """Those of the ticks of its items, without their contents; see `TickQuerySet.of_cutover`."""
        ticks = Tick.objects.of_cutover(cutover).order_by()
        return self.filter(_is_one_of("tick_id", ticks)).defer("content")


class TickFile(models.Model):
    """A file that belongs to a tick. Its content is a row of the database (docs/adr/0022)."""

    tick = models.ForeignKey(Tick, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    objects = TickFileQuerySet.as_manager()

    class Meta:
        ordering = ["tick", "id"]
        triggers = [*append_only(), file_belongs_to_its_tick()]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The address of the download."""
        return reverse("tick-file", args=[self.tick.item.cutover.slug, self.tick.item.key, self.pk])

    def as_facts(self) -> dict[str, Any]:
        """Name, size and SHA-256, as the record has them."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}


@cache
def _no_files() -> TickFileQuerySet:
    """Of most ticks."""
    known = TickFile.objects.none()
    known._result_cache = []
    return known
