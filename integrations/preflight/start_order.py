"""Which systems have to answer now, and which ones an item of the runbook starts only later."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.preflight.check import CheckScope, PlannedItem

#: action → the parameter that names the HTTP system which it starts
STARTS = {"service.start": "answers", "stack.provision": "api"}
#: actions that start services, whose addresses their parameters do not name
DEPLOYS = ("service.start", "stack.provision", "deploy.apply")
#: parameters that name a stack which serves people before the cutover
SERVES_NOW = ("old", "public")
#: parameters that name a stack which an item asks whether or not it runs
MAY_BE_DOWN = ("new",)


@dataclass(frozen=True)
class LaterStart:
    """The item that starts a system; ``is_named`` tells whether it names the system or only comes before."""

    item: PlannedItem
    is_named: bool

    def describe(self) -> str:
        """Why nobody has to answer yet, in a sentence."""
        if self.is_named:
            return f"The item “{self.item.key}” starts it, and has not succeeded yet."
        return f"No item asks it before “{self.item.key}”, which starts services and has not succeeded yet."


def roles_in(item: PlannedItem, system: str) -> list[str]:
    """The parameters of an item whose value is this system's name."""
    return [name for name, value in item.params.items() if value == system]


def find_later_start(scope: CheckScope, system: str) -> LaterStart | None:
    """The item that starts a system, where nobody has to answer yet; None where the system has to be up.

    The items are read in their order: what an item asks has to be up, unless an item before it starts it.
    """
    deployed: PlannedItem | None = None
    for item in scope.items.values():
        is_open = item.key not in scope.evidence
        if item.action in STARTS and item.params.get(STARTS[item.action]) == system:
            return LaterStart(item, True) if is_open else None
        if item.action in DEPLOYS:
            deployed = item if is_open else deployed
            continue
        roles = [role for role in roles_in(item, system) if role not in MAY_BE_DOWN]
        if any(role in SERVES_NOW for role in roles):
            return None
        if roles:
            return LaterStart(deployed, False) if deployed else None
    return None
