"""The environment of the Prisma CLI: variables that lead it to the database of the system, and no other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from integrations.clients import lost_clients, postgres
from integrations.prisma.datasource import MAIN_SETTINGS, SHADOW_SETTING
from integrations.prisma.project_files import ProjectFiles

#: Variables of the worker that Prisma or pnpm may need; no other variable is passed on.
PASSED_VARIABLES = (
    "PRISMA_SCHEMA_ENGINE_BINARY",
    "PRISMA_QUERY_ENGINE_LIBRARY",
    "PRISMA_ENGINES_MIRROR",
    "NODE_EXTRA_CA_CERTS",
    "PNPM_HOME",
    "COREPACK_HOME",
)
#: Seconds after which PostgreSQL ends a statement of the CLI that waits for a lock (55P03). Less than the ten
#: seconds that Prisma waits for its own advisory lock, so that PostgreSQL's answer comes first.
LOCK_TIMEOUT = 8.0
OLDEST_SERVER = 140000  # PostgreSQL 14: an earlier one would refuse the connection
DEFAULT_VARIABLE = "DATABASE_URL"  # always set: scripts of ours and many projects read it


@dataclass(frozen=True)
class CliEnvironment:
    """What the variables of one project, database and attempt are. ``shadow`` is empty where none is set."""

    files: ProjectFiles
    url: str
    shadow: str
    attempt: str

    def build(self, *, without_engines: bool) -> dict[str, str]:
        """Returns the variables for the CLI beside the allow-list: the address, a name for its sessions, and
        switches that keep it from asking questions or calling home."""
        env = {name: os.environ[name] for name in PASSED_VARIABLES if os.environ.get(name)}
        env |= {"CHECKPOINT_DISABLE": "1", "NO_COLOR": "1", "CI": "1"}
        env |= {"PRISMA_HIDE_UPDATE_MESSAGE": "1", "PGAPPNAME": self.application_name}
        env |= self._addresses()
        if without_engines:
            # Any existing file keeps Prisma from downloading engines that an adapter never uses.
            dummy = str(self.files.folder / "package.json")
            env.setdefault("PRISMA_SCHEMA_ENGINE_BINARY", dummy)
            env.setdefault("PRISMA_QUERY_ENGINE_LIBRARY", dummy)
        return env

    @property
    def application_name(self) -> str:
        """The name of our sessions in ``pg_stat_activity``."""
        return f"cutover:{self.attempt}" if self.attempt else "cutover"

    @property
    def address_variables(self) -> list[str]:
        """The variables by which Prisma is led to the database of this system."""
        return list(dict.fromkeys([DEFAULT_VARIABLE, *self.files.name_variables(*MAIN_SETTINGS)]))

    def _addresses(self) -> dict[str, str]:
        """The address for every variable that the project's datasource names: Prisma also reads the ``.env``
        of the project, and a variable that is set already wins over it."""
        shadow = dict.fromkeys(self.files.name_variables(SHADOW_SETTING), self._shadow_url())
        if self.shadow:
            shadow["SHADOW_DATABASE_URL"] = self._shadow_url()
        return shadow | dict.fromkeys(self.address_variables, self._tagged_url())

    def _shadow_url(self) -> str:
        """The address of the shadow database. No command of the panel uses one: without the setting the
        address names a database that does not exist, so that a use of it fails and touches nothing."""
        unused = f"{urlsplit(self.url).path.lstrip('/')[:30]}_no_shadow_is_set"
        return self.shadow or postgres.with_database(self.url, unused)

    def _tagged_url(self) -> str:
        """The address with a name for the sessions, so that they can be found and ended."""
        parts = urlsplit(self.url)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        parameters["application_name"] = self.application_name
        # A server that looks for its client ends the statement of one that was killed, or whose host is gone.
        given = parameters.get("options", "")
        ours = [lost_clients.as_options(OLDEST_SERVER)]
        if "lock_timeout" not in given:
            ours.append(f"-c lock_timeout={int(LOCK_TIMEOUT * 1000)}")
        parameters["options"] = " ".join(filter(None, [given, *ours]))
        return urlunsplit(parts._replace(query=urlencode(parameters, quote_via=quote)))
