"""The new API's settings: those that it was started with, and those that people have entered since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from integrations.environment import env_file
from integrations.sandbox.env_files import ENTERED

PREFIXES = tuple(prefix for prefixes in ENTERED.values() for prefix in prefixes)


class EnteredSettings(Mapping[str, str]):
    """An environment, and the settings file that it names in SETTINGS_FILE, read again at each question: in
    the sandbox nobody has to start the API again after entering a secret.

    With such a file, secrets of the environment do not count: it may be the panel's, which has them too.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def _all(self) -> dict[str, str]:
        path = self.environ.get("SETTINGS_FILE", "")
        if not path:
            return dict(self.environ)
        own = {name: value for name, value in self.environ.items() if not _is_entered(name)}
        return {**env_file.read_env_file(Path(path)).values, **own}

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _is_entered(name: str) -> bool:
    """Whether people enter this setting; the addresses of the stand-ins are part of the sandbox."""
    return name.startswith(PREFIXES) and not name.endswith("_URL")
