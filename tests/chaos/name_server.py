"""The sandbox's name server, with a journal of every update that it has carried out.

``python -m tests.chaos.name_server FOLDER ADDRESS:PORT`` with ZONE, TSIG_NAME and TSIG_SECRET in the
environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import dns.rcode

from integrations.sandbox import name_server_python
from integrations.sandbox.name_server import zone_file
from tests.chaos.journal import now

NAMES = 200  # one for each night
OLD, NEW = "192.0.2.1", "192.0.2.2"


class JournalledServer(name_server_python.NameServer):
    """Notes each accepted update before anybody is told of it."""

    def _updated(self, asked: Any) -> dns.rcode.Rcode:
        code = super()._updated(asked)
        if code == dns.rcode.NOERROR:
            for one in asked.update:
                if not one.deleting:
                    self._note(str(one.name).rstrip("."), [str(value) for value in one])
        return code

    def _note(self, name: str, values: list[str]) -> None:
        line = json.dumps({"name": name, "values": values, "at": now()})
        handle = os.open(self.file.with_name("dns-journal"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, line.encode() + b"\n")
        os.close(handle)


def main() -> None:
    """Serves the zone of a folder until SIGTERM."""
    file = Path(sys.argv[1]) / "zone.db"
    if not file.exists():
        records = "; ".join(f"night-{number} 60 A {OLD}" for number in range(1, NAMES))
        file.write_text(zone_file(os.environ["ZONE"], records))
    name_server_python.NameServer = JournalledServer
    address, _, port = sys.argv[2].rpartition(":")
    name_server_python.serve(file, {**os.environ, "ADDRESS": address, "PORT": port})


if __name__ == "__main__":
    main()
