"""Where each worker's host keeps artefacts: told with a heartbeat, so that pages can say who shares them."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path

from django.conf import settings

from checklists.executor.heartbeats import record_heartbeat
from integrations.artefacts.settings import read_settings

SERVICE = "artefacts"
INTERVAL = 5.0  # seconds between two heartbeats
MARK = ".folder-id"


class ArtefactPlace:
    """The heartbeat ``HOST:folder:ID`` or ``HOST:bucket:NAME`` of this host.

    The id is in a file of the folder: two hosts with the same one have mounted the same folder.
    """

    def __init__(self) -> None:
        self._at = -INTERVAL
        bucket = read_settings(os.environ)
        self.place = f"bucket:{bucket.bucket}/{bucket.prefix}" if bucket else f"folder:{_folder_id()}"

    def beat(self) -> None:
        """Records it again, where that is due."""
        if time.monotonic() - self._at >= INTERVAL:
            record_heartbeat(SERVICE, f"{socket.gethostname()}:{self.place}")
            self._at = time.monotonic()


def _folder_id() -> str:
    folder = Path(settings.CUTOVER_DATA) / "artefacts"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = folder / f"{MARK}-{secrets.token_hex(4)}"
    mine.write_text(secrets.token_hex(8))
    try:
        (folder / MARK).hardlink_to(mine)  # whole, and only for the first of several processes
    except FileExistsError:
        pass
    finally:
        mine.unlink()
    return (folder / MARK).read_text()
