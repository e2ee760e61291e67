"""How a no-go ended: withdrawn by its giver, or answered in writing. Dissent and answer are kept for good."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from checklists.models.decision_record_rules import answer_has_its_entry
from checklists.models.definition_rules import written_now
from checklists.models.gate_triggers import ends_a_no_go_rightly
from checklists.models.sign_off import SignOff
from checklists.models.triggers import append_only
from checklists.states import NoGoEnding


class NoGoAnswer(models.Model):
    """The one ending of a no-go. ``seat`` is the answering person's; a withdrawal has none.

    The database refuses an answer by the dissenter, a lead, or a person who acted on the evidence.
    """

    no_go = models.OneToOneField(SignOff, on_delete=models.PROTECT, related_name="answer")
    ending = models.CharField(max_length=10, choices=NoGoEnding)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    seat = models.SlugField(max_length=40, blank=True)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        triggers = [*append_only(), ends_a_no_go_rightly(), written_now(), answer_has_its_entry()]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="ending_of_a_no_go_has_a_text"),
            models.CheckConstraint(
                condition=Q(ending=NoGoEnding.WITHDRAWN, seat="")
                | Q(ending=NoGoEnding.ANSWERED) & ~Q(seat=""),
                name="an_answer_comes_from_a_seat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_ending_display()} by {self.by}: {self.text}"
