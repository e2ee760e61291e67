"""The least that could send the same: lines from memory to every viewer at once, without a panel around it.

``python bare_streams.py PORT RATE``. No sign-in, no database, no cursor, and each line is sent as it is made.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.benchmarks.load.lines import line_text

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
#: As long as a line of the panel.
LINE = (
    '<li id="line-{n}" class="log-line">   <a href="#line-{n}" aria-label="Line {n}">{n}</a>'
    '   <time datetime="2026-01-01T00:00:00+00:00">00:00:00</time>   <span>{text}</span> </li> '
)


class BareServer:
    """The open connections."""

    def __init__(self) -> None:
        self.writers: set[asyncio.StreamWriter] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers a request, and keeps the connection until the other side closes it."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        self.writers.add(writer)
        await reader.read()
        self.writers.discard(writer)
        writer.close()

    async def send_lines(self, rate: float) -> None:
        """Sends a line to everybody at that rate, from the first viewer on."""
        loop, number = asyncio.get_running_loop(), 0
        while not self.writers:
            await asyncio.sleep(0.01)
        began = loop.time()
        while True:
            number += 1
            html = LINE.format(n=number, text=line_text(number))
            event = f"id: 0--0~{number}\nevent: log\ndata: {html}\n\n".encode()
            for writer in list(self.writers):
                writer.write(event)
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))


async def serve(port: int, rate: float) -> None:
    """Until it is ended."""
    server = BareServer()
    async with await asyncio.start_server(server.accept, "127.0.0.1", port, backlog=2048):
        await server.send_lines(rate)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
