"""The registry of drivers: the products that a system of a runbook can be, and the settings of each.

A driver is a class with the decorator `driver`. Its module stands in one of the packages that
`integrations.clients.load_drivers` imports, so that adding a driver takes that module and its test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Driver:
    """One registered driver.

    ``kind``: the kind of system (``dns``). ``name``: its name in a runbook (``powerdns``). ``summary``:
    how it speaks to the product, in a few words for the reference page. ``settings``: setting → what it
    holds, "" where its name says enough. ``public`` and ``addresses``: settings whose values are not secret,
    and addresses, of which only login and query are; every other setting is secret. ``dashboard``: where a
    person sees what the product's API does not tell. ``commands``: settings that hold a command, whose
    program the installation has to allow.
    """

    kind: str
    name: str
    implementation: type[Any]
    summary: str
    settings: Mapping[str, str]
    public: frozenset[str]
    addresses: frozenset[str]
    dashboard: str
    commands: frozenset[str]

    def implementation_of(self, base: type[T]) -> type[T]:
        """The driver's class, checked to be a subclass of what its kind of system needs."""
        if not issubclass(self.implementation, base):
            raise TypeError(f"the driver {self.name} of {self.kind} is no {base.__name__}")
        return self.implementation


#: (kind, name) → driver; filled while `integrations.clients.load_drivers` imports the modules
REGISTRY: dict[tuple[str, str], Driver] = {}


def driver(
    kind: str,
    name: str,
    *,
    summary: str,
    settings: Mapping[str, str] | None = None,
    public: Collection[str] = (),
    addresses: Collection[str] = (),
    dashboard: str = "",
    commands: Collection[str] = (),
) -> Callable[[type[T]], type[T]]:
    """Class decorator that registers a driver; see `Driver` for the values.

    Raises ValueError when two classes claim one name, and when ``public``, ``addresses`` or ``commands``
    name no setting. Raises TypeError when a class leaves out a method that its base class demands: an action
    would meet the gap in the middle of its work.
    """

    def register(implementation: type[T]) -> type[T]:
        known = REGISTRY.get((kind, name))
        if known is not None and known.implementation is not implementation:
            raise ValueError(
                f"two drivers of {kind} are called {name}: {known.implementation}, {implementation}"
            )
        _refuse_gaps(
            f"{name} of {kind}", implementation, {*public, *addresses, *commands} - set(settings or {})
        )
        REGISTRY[kind, name] = Driver(
            kind,
            name,
            implementation,
            summary,
            dict(settings or {}),
            frozenset(public),
            frozenset(addresses),
            dashboard,
            frozenset(commands),
        )
        return implementation

    return register


def _refuse_gaps(name: str, implementation: type, unknown: Collection[str]) -> None:
    """Raises for names of unknown settings, and for a class that leaves out a method of its base class."""
    if unknown:
        raise ValueError(f"the driver {name} has no setting {', '.join(sorted(unknown))}")
    if missing := sorted(getattr(implementation, "__abstractmethods__", ())):
        raise TypeError(f"the driver {name} ({implementation}) lacks {', '.join(missing)}")


def drivers_of(kind: str) -> dict[str, Driver]:
    """The drivers of one kind of system by name, in alphabetical order.

    Raises RuntimeError when none is registered yet: an empty answer would make a runbook look wrong that
    is right.
    """
    found = {name: known for (of, name), known in sorted(REGISTRY.items()) if of == kind}
    if not found:
        raise RuntimeError(
            f"no driver of kind {kind} is registered: call integrations.clients.load_drivers() first"
        )
    return found


def command_settings() -> frozenset[str]:
    """The settings of all drivers that hold commands."""
    return frozenset(name for known in REGISTRY.values() for name in known.commands)
