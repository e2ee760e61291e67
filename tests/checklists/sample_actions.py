"""Two small actions for tests of the domain: one only looks, one may run at most once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from integrations.actions import register, registry
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    Values,
)


@register
class SampleLook(Action):
    """Looks at something named by its parameter."""

    key, title, effect = "sample.look", "Look at something", Effect.PURE

    class Params(ActionForm):
        """What to look at."""

        thing = forms.CharField(required=False)

    def preview(self, params: Values) -> Preview:
        return Preview([f"look at {params.thing}"], where="nowhere/sample")

    def run(self, params: Values, report: Report) -> Outcome:
        report.evidence(seen=params.thing)
        return Outcome(True, f"saw {params.thing}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        return Finding(Seen.NOT_DONE, "there is nothing to see of a look")


@register
class SampleOnce(SampleLook):
    """Changes something, at most once."""

    key, title, effect = "sample.once", "Change something for good", Effect.AT_MOST_ONCE
    risky = True

    def resource(self, params: Values) -> str | None:
        return "sample:resource"


registry.cache_clear()
