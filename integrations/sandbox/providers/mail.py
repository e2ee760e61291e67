"""A mail server that takes the old environment's login until somebody revokes it, and no mail at all.

It answers as RFC 5321 (EHLO, QUIT) and RFC 4954 (AUTH PLAIN and LOGIN, 235 and 535) say.
"""

from __future__ import annotations

import base64
import binascii
import socketserver
import threading
from collections.abc import Mapping

from integrations.sandbox.providers.accepted_keys import AcceptedKeys


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on loopback. ``environ`` has OLD_MAIL_PASSWORD and OLD_KEYS_REVOKED; see `AcceptedKeys`."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int, environ: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        old = {"OLD_MAIL_SECRET_KEY": environ.get("OLD_MAIL_PASSWORD", "")}
        self.passwords = AcceptedKeys("MAIL", {**environ, **old})

    def begin(self) -> None:
        """Answers in a thread of its own, until the process ends."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 smtp.covenant.invalid ESMTP")
        while line := self.rfile.readline(1000).decode("latin-1").strip():
            word, _, rest = line.partition(" ")
            if word.upper() in ("EHLO", "HELO"):
                self._say("250-smtp.covenant.invalid\r\n250 AUTH PLAIN LOGIN")
            elif word.upper() == "AUTH":
                self._sign_in(rest)
            elif word.upper() == "QUIT":
                self._say("221 2.0.0 Bye")
                break
            else:
                self._say("502 5.5.1 Nothing is sent here")

    def _sign_in(self, given: str) -> None:
        method, _, initial = given.partition(" ")
        try:
            if method.upper() == "PLAIN":
                password = self._decoded(initial or self._ask("")).split("\0")[-1]
            else:
                _ = self._decoded(initial or self._ask("VXNlcm5hbWU6"))
                password = self._decoded(self._ask("UGFzc3dvcmQ6"))
        except binascii.Error:
            self._say("501 5.5.2 Cannot decode")
            return
        accepted = self.server.passwords.accept(password)
        self._say("235 2.7.0 Accepted" if accepted else "535 5.7.8 Username and password not accepted")

    def _ask(self, question: str) -> str:
        self._say(f"334 {question}")
        return self.rfile.readline(1000).decode("latin-1").strip()

    @staticmethod
    def _decoded(text: str) -> str:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
