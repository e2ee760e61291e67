"""Numbers of bytes as people write them."""

from __future__ import annotations


def format_bytes(count: float) -> str:
    """Returns a number of bytes with a decimal unit: “512 bytes”, “1.2 GB”."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
