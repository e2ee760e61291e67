"""Makes the table of drivers in the reference page of runbook files."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.drivers import Driver, drivers_of
from integrations.system_kinds import system_kinds


def driver_table() -> Iterator[str]:
    """The lines of a Markdown table of all registered drivers, by kind of system."""
    yield "| kind | name | how the panel speaks to it | settings |"
    yield "| --- | --- | --- | --- |"
    for kind, of_kind in sorted(system_kinds().items()):
        if of_kind.driver_setting:
            for each in drivers_of(kind).values():
                yield f"| `{kind}` | `{each.name}` | {each.summary} | {_settings(each)} |"


def _settings(driver: Driver) -> str:
    described = (f"`{name}`{f' ({said})' if said else ''}" for name, said in driver.settings.items())
    return ", ".join(described)
