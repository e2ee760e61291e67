"""A strict stand-in for a Redis in a state that a real one does not reach easily.

It speaks RESP2 (redis.io/docs/latest/develop/reference/protocol-spec): it reads arrays of bulk strings only,
and answers each command with the bytes that the test gives for it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO


@contextmanager
def redis_that_answers(
    answers: Mapping[str, bytes], *, greeting: bytes = b"", tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """The port. ``answers``: by the command's first word, "*" for every other; ``greeting`` is sent before
    the first command, and the connection is closed after it, as Redis does in protected mode."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    thread = threading.Thread(
                        target=_talk, args=(connection, answers, greeting, tls), daemon=True
                    )
                    thread.start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _talk(
    connection: socket.socket, answers: Mapping[str, bytes], greeting: bytes, tls: ssl.SSLContext | None
) -> None:
    with suppress(OSError), connection:
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as commands:
            if greeting:
                connection.sendall(greeting)
                return
            while words := _read_command(commands):
                connection.sendall(answers.get(words[0].upper(), answers.get("*", b"+OK\r\n")))


def _read_command(commands: IO[bytes]) -> list[str]:
    """No words at the end, and for what is no array: Redis closes the connection then."""
    line = commands.readline()
    if line[:1] != b"*":
        return []
    words = []
    for _ in range(int(line[1:])):
        length = commands.readline()
        assert length[:1] == b"$", "of bulk strings"
        words.append(commands.read(int(length[1:]) + 2)[:-2].decode())
    return words
