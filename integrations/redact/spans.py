"""Parts of a text that are masked, as pairs of offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "•••"
Span = tuple[int, int]
# What is left between the lines of a secret when Base64 or hexadecimal digits of the whole are printed.
_SEAM = re.compile(r"[\w+/-]{1,4}")


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those that touch or overlap are joined."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def join_seams(text: str, spans: list[Span]) -> list[Span]:
    """Merged spans; two are joined where only the seam between two lines of one secret is between them."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and 0 < start - joined[-1][1] <= 4 and _SEAM.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def mask_spans(text: str, spans: Iterable[Span], cut: int) -> str:
    """The text up to ``cut``, with a mask in place of each span that begins before it.

    A span that begins below 0 has its mask in the text before.
    """
    shown, at = list[str](), 0
    for start, end in spans:
        if start >= cut:
            break
        shown += (text[at:start] if start > at else "", MASK if start >= 0 else "")
        at = end
    shown.append(text[at:cut])
    return "".join(shown)
