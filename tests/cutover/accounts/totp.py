"""An authenticator app: RFC 6238 with SHA-1, six digits, thirty seconds."""

from __future__ import annotations

import base64
import hmac
import struct
import time

PERIOD = 30  # seconds
ENOUGH = 8  # seconds that a request takes at most until its code is checked, on a busy machine


def code_of(secret: str) -> str:
    """The six digits of now, which hold for some seconds: of a code that is about to end, the next one."""
    left = PERIOD - time.time() % PERIOD
    if left < ENOUGH:
        time.sleep(left)
    key, counter = base64.b32decode(secret), int(time.time()) // PERIOD
    digest = hmac.new(key, struct.pack(">Q", counter), "sha1").digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"
