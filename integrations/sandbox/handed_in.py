"""What the pretended people write in the notes that manual items require, and the files that they hand in."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from integrations.sandbox import images
from integrations.sandbox.state import SandboxState

#: key of a manual item → what is noted whatever happened in the sandbox
TEXTS: Mapping[str, str] = {
    "announce-window": "Abena, of no team, read the date and the phone number of the office back to me.",
    "change-freeze": "Flask runs commit d02bd49^, Nest will run 6e66d81. A push to either main was refused.",
    "list-writers": "The application: web and RQ, Kwame. The reader: reports, Efua. No others.",
    "plan-passwords": "Reset mails for everybody with an old hash. The text is written, the quota is enough.",
    "review-diff": (
        "Destructive: only alembic_version. Can fail on existing rows: every column has a back-fill. "
        "Locks: donations is the largest table. Foreign keys: all come back. NOT NULL dropped: finance and "
        "the prayer team know. JSON null: the new code reads it."
    ),
    "rehearse-runbook": "This is the rehearsal itself; its record is the evidence.",
    "spot-check": "Ten members, ten gifts, ten events: all thirty are the same.",
    "start-window": "Technical, data, finance and pastoral answered. The notice shows on a phone outside.",
    "switch-webhooks": "Paystack, Fincra and Flutterwave had the old application's address; Stripe had none.",
    "stability-window": "An hour stands for seven mornings: no failed job, every gift is at the bank.",
    "webhooks-back": "Paystack, Fincra and Flutterwave have the old address again; the test events got 200.",
    "check-old-app": "Kofi saved the four entries as Cutover check; they are there after a reload.",
    "communicate-delay": "Everybody of the announcement was written to; the two donors were called.",
    "root-causes": "The new API's reads answered 500; the cause is known, the rehearsal is planned.",
    "hand-over-endpoints": "No page of the seven providers names an old host; the contact is the office.",
    "admin-workflows": "Every page under /admin was opened by Kofi; see the check of the pages.",
    "retrospective": "Four lessons, each with an owner and a date, are in the next version of this runbook.",
}


def _released_images(folder: Path) -> str:
    """The digests of the releases, by the names of their services."""
    found = images.newest_releases(folder / "platform")
    built = [f"{name} {digest}" for name, digest in sorted(found.items()) if name in images.STARTS]
    return f"Built from commit {images.COMMIT}: {', '.join(built)}."


def _stripe_address(folder: Path) -> str:
    port = SandboxState.of(folder).ports["public"]
    return f"{TEXTS['switch-webhooks']} It now has http://127.0.0.1:{port}/donations/webhooks/stripe."


#: key of a manual item → what is noted about this sandbox
NOTES: Mapping[str, Callable[[Path], str]] = {
    "build-images": _released_images,
    "switch-webhooks": _stripe_address,
}


def write_note(folder: Path, key: str) -> str:
    """What a person writes for this item; ``folder`` is the sandbox's."""
    return NOTES[key](folder) if key in NOTES else TEXTS.get(key, "Done as the instructions say.")


def take_picture() -> tuple[str, bytes]:
    """Name and content of a file that an item requires: a picture of 8 × 8 grey points."""
    return "phone-of-the-person-on-call.png", _png(8, 8, 0x99)


def _png(width: int, height: int, grey: int) -> bytes:
    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
