"""The cluster of the sandbox: an API server that knows ingresses, and the controller that obeys them.

``python -m integrations.sandbox.cluster_server FILE`` with PORT (where people come in), API_PORT and
METRICS_PORT (of the controller) in the environment. FILE holds token, namespace, services (“name:port” →
address) and ingresses; what is changed by the API is written there, so that it survives a restart.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from integrations.sandbox.ingress_controller import Controller
from integrations.sandbox.kubernetes_api import ApiServer
from integrations.sandbox.private_files import write_private
from integrations.sandbox.serving import serve, server_of


def main() -> None:
    """Answers at all ports until SIGTERM."""
    file = Path(sys.argv[1])
    known = json.loads(file.read_text())

    def keep(ingresses: list[dict[str, Any]]) -> None:
        write_private(file, json.dumps({**known, "ingresses": ingresses}, indent=1))

    api = ApiServer(known["token"], known["namespace"], known["ingresses"], keep)
    controller = Controller(api.ingresses, known["services"])
    beside = server_of(int(os.environ["API_PORT"]), api, name="kubernetes", headers={})
    metrics = server_of(int(os.environ["METRICS_PORT"]), controller.metrics, name="metrics", headers={})
    with _answering(beside), _answering(metrics):
        serve(int(os.environ["PORT"]), controller, name="ingress", headers={})


@contextmanager
def _answering(server: ThreadingHTTPServer) -> Iterator[None]:
    """Answers in a thread beside this one."""
    with server:
        threading.Thread(target=server.serve_forever, args=[0.2], daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


if __name__ == "__main__":
    main()
