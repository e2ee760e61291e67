"""One open page, as the hub and its stream know it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from checklists.live.viewer_access import ViewerAccess


@dataclass(eq=False)
class Viewer:
    """One open page: it watches a cutover, perhaps also the log of an attempt."""

    cutover: int
    timezone: str
    attempt: uuid.UUID | None
    access: ViewerAccess
    access_lost: str = ""  # why the stream has to end, in a sentence
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Tells the viewer's stream that something may be new."""
        self._news.set()

    async def wait(self) -> None:
        """Waits until the hub says that something may be new. The hub sets the pace for all."""
        await self._news.wait()
        self._news.clear()
