"""What keeps anything of an attempt from outliving its guard: a cgroup, a pid namespace or a subreaper."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from checklists.executor.process import cgroup, pid_namespace

SETTING = "CUTOVER_CONTAINMENT"


class Containment(StrEnum):
    """The mechanisms, the best first. `subreaper` is in force everywhere, the others beside it."""

    CGROUP = "cgroup"
    NAMESPACE = "namespace"
    SUBREAPER = "subreaper"


SECONDS = {Containment.CGROUP: 2, Containment.NAMESPACE: 2, Containment.SUBREAPER: 5}
_chosen = [Containment.SUBREAPER]


def choose_containment() -> Containment:
    """Chooses for this process and all forked from it; `CUTOVER_CONTAINMENT` names one, or ``auto``.

    Raises ValueError when the one that is named is unknown or not permitted here.
    """
    wanted = os.environ.get(SETTING, "") or "auto"
    names = ", ".join(Containment)
    if wanted not in ("auto", *Containment):
        raise ValueError(f"{SETTING} is “{wanted}”; it may be auto, {names}")
    permitted: dict[Containment, Callable[[], bool]] = {
        Containment.CGROUP: cgroup.is_available,
        Containment.NAMESPACE: pid_namespace.is_available,
        Containment.SUBREAPER: lambda: True,
    }
    for one, is_permitted in permitted.items():
        if wanted in ("auto", one) and is_permitted():
            _chosen[0] = one
            return one
    raise ValueError(
        f"{SETTING} is “{wanted}”, which this worker may not use here; leave it out, or see {names}"
    )


def containment_in_force() -> Containment:
    """The mechanism that was chosen for this process."""
    return _chosen[0]


def create_cgroup(attempt: str) -> Path | None:
    """Where the guard's children have to go before they do anything; None where no cgroups are used."""
    return cgroup.create(attempt) if containment_in_force() == Containment.CGROUP else None
