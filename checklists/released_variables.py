"""The environment of this process as runbooks may use it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from checklists.models import Cutover, ReleasedVariable
from checklists.states import CutoverStatus
from integrations.systems import list_variables
from integrations.variables import ReleasedVariables


def released_environment(environ: Mapping[str, str] | None = None) -> ReleasedVariables:
    """The variables of this process whose names an admin released."""
    released = dict(ReleasedVariable.objects.values_list("name", "may_be_shown"))
    return ReleasedVariables(os.environ if environ is None else environ, released)


def list_used_variables() -> dict[str, list[str]]:
    """Name of each variable that an open cutover uses → the short names of these cutovers."""
    used: dict[str, list[str]] = {}
    for cutover in Cutover.objects.filter(status=CutoverStatus.OPEN).order_by("slug"):
        params = cutover.items.current().values_list("params", flat=True)
        for name in list_variables([cutover.systems, *params]):
            used.setdefault(name, []).append(cutover.slug)
    return dict(sorted(used.items()))
