"""Two small actions for tests of the domain: one only looks, one may run at most once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from integrations.actions import (
    Action,
    ActionForm,
    ActionParams,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    ProbeStatus,
    ReadOnlyAction,
    RunReport,
    register,
    registry,
)


@dataclass(frozen=True)
class SampleParams(ActionParams):
    """The thing."""

    thing: str


@register
class SampleLook(Action[SampleParams, dict[str, Any]]):
    """Looks at something named by its parameter."""

    key, title, effect = "sample.look", "Look at something", Effect.PURE
    is_check = True

    class Params(ActionForm):
        """What to look at."""

        thing = forms.CharField(required=False)

    def preview(self, params: SampleParams) -> Preview:
        return Preview([f"look at {params.thing}"], where="nowhere/sample")

    def run(self, params: SampleParams, report: RunReport[dict[str, Any]]) -> Outcome:
        report.evidence({"seen": params.thing})
        return Outcome(True, f"saw {params.thing}")

    def probe(self, params: SampleParams, before: Mapping[str, Any]) -> Finding:
        return Finding(ProbeStatus.NOT_DONE, "there is nothing to see of a look")


@register
class SampleOnce(SampleLook):
    """Changes something, at most once."""

    key, title, effect = "sample.once", "Change something for good", Effect.AT_MOST_ONCE
    risky = True
    is_check = False

    def resource(self, params: SampleParams) -> str | None:
        return "sample:resource"


@dataclass(frozen=True)
class SampleCountParams(ActionParams):
    """Table → what its rows are called."""

    names: dict[str, str]


@register
class SampleCount(ReadOnlyAction[SampleCountParams, dict[str, Any]]):
    """Counts what a rollback would lose; only reads, and may run before a rollback is ordered."""

    key, title = "sample.count", "Count something"
    public_params = frozenset({"names"})
    is_check = False
    any_direction = True

    class Params(ActionForm):
        """``names``: as `rollback.assess` has them."""

        names = JSONValueField(kind=dict, required=False)

    def preview(self, params: SampleCountParams) -> Preview:
        return Preview(["count"], where="nowhere/sample")

    def run(self, params: SampleCountParams, report: RunReport[dict[str, Any]]) -> Outcome:
        return Outcome(True, "counted")


registry.cache_clear()
