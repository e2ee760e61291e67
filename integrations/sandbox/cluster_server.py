"""The cluster of the sandbox: an API server that knows ingresses, and the controller that obeys them.

``python -m integrations.sandbox.cluster_server FILE`` with PORT (where people come in) and API_PORT in the
environment. FILE holds token, namespace, services (“name:port” → address) and ingresses; what is changed by
the API is written there, so that it survives a restart.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from integrations.sandbox.ingress_controller import Controller
from integrations.sandbox.kubernetes_api import ApiServer
from integrations.sandbox.serving import serve, server_of
from integrations.sandbox.state import write_private


def main() -> None:
    """Answers at both ports until SIGTERM."""
    file = Path(sys.argv[1])
    known = json.loads(file.read_text())

    def keep(ingresses: list[dict[str, Any]]) -> None:
        write_private(file, json.dumps({**known, "ingresses": ingresses}, indent=1))

    api = ApiServer(known["token"], known["namespace"], known["ingresses"], keep)
    with server_of(int(os.environ["API_PORT"]), api, name="kubernetes") as beside:
        threading.Thread(target=beside.serve_forever, args=[0.2], daemon=True).start()
        try:
            serve(int(os.environ["PORT"]), Controller(api.ingresses, known["services"]), name="ingress")
        finally:
            beside.shutdown()


if __name__ == "__main__":
    main()
