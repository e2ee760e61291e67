"""The variables of the environment that a runbook may use, and those that pages may show.

An admin releases a variable by its name. The panel's own are never released. A released variable may be used;
only one that was released as public may be shown wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

#: Variables of the panel itself, and those that decide which code its processes load.
_OWN = re.compile(
    r"SECRET_KEY|DATABASE_URL|DATABASE_OWNER_URL|REDIS_URL|(CUTOVER|DJANGO|EMAIL|CELERY|OIDC|ALLAUTH)_.*"
    r"|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|DEBUG|DEFAULT_FROM_EMAIL|STATIC_ROOT|PATH|HOME|PYTHON.*|LD_.*|PG[A-Z]+"
)


def is_own_variable(name: str) -> bool:
    """Whether a variable belongs to the panel, so that no runbook may ever use it."""
    return _OWN.fullmatch(name) is not None


class ReleasedVariables(Mapping[str, str]):
    """The part of an environment that is released. ``public`` are the names that may be shown, too."""

    def __init__(self, environ: Mapping[str, str], released: Mapping[str, bool]) -> None:
        self._environ = environ
        self._released = {name: shown for name, shown in released.items() if not is_own_variable(name)}
        self.public = frozenset(name for name, shown in self._released.items() if shown)

    def __getitem__(self, name: str) -> str:
        if name not in self._released:
            raise KeyError(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._released if name in self._environ)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def is_released(self, name: str) -> bool:
        """Whether a runbook may use it, set or not."""
        return name in self._released


def is_released(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a runbook may use a variable. A plain mapping holds only what it may use."""
    return environ.is_released(name) if isinstance(environ, ReleasedVariables) else True


def is_shown(name: str, environ: Mapping[str, str]) -> bool:
    """Whether the value of a variable may be shown wherever it stands."""
    return isinstance(environ, ReleasedVariables) and name in environ.public
