"""A TCP proxy that can be cut (connections end) and frozen (connections stay, and nothing passes)."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Passes connections from a port of its own to a server at a TCP or a Unix address.

    ``listener``: the listening socket of a host, which its clients reach at ``address``; default: loopback.
    """

    def __init__(
        self,
        target: tuple[str, int] | str,
        listener: socket.socket | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.target = target
        self.is_cut = False
        self.may_pass = threading.Event()
        self.may_pass.set()
        self.lock = threading.Lock()
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.server = listener or socket.create_server(("127.0.0.1", 0))
        self.place = f"{address}:{self.server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        self.is_cut = True
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Lets nothing pass, as a network that drops packets."""
        self.may_pass.clear()

    def mend(self) -> None:
        """Lets everything pass again, what was held back first."""
        self.is_cut = False
        self.may_pass.set()

    def _accept(self) -> None:
        while True:
            near, _ = self.server.accept()
            if self.is_cut:
                near.close()
                continue
            threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX if isinstance(self.target, str) else socket.AF_INET)
        try:
            far.connect(self.target)
        except OSError:
            near.close()
            far.close()
            return
        with self.lock:
            self.pairs.add((near, far))
        both = ((near, far), (far, near))
        ways = [threading.Thread(target=self._pump, args=way, daemon=True) for way in both]
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        with self.lock:
            self.pairs.discard((near, far))
        near.close()
        far.close()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                self.may_pass.wait()
                if self.is_cut:
                    break
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
