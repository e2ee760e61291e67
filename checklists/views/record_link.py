"""One link of the record as the page shows it. Links never change: the markup is kept between requests."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from checklists.board import SignedThen
from checklists.models import AuditEntry, Cutover
from checklists.templatetags.cutover_tags import when

LINKS_KEPT = 4000  # in memory, some 2 kB each
#: Stands in markup that is kept for the age of the link. Nobody who types a text knows it.
AGE = secrets.token_hex(16)


@dataclass(frozen=True)
class RecordLink:
    """What is shown of a link, as it was read for this page. Equal ones have the same markup but for ages."""

    slug: str
    zone: str
    seq: int
    actor: str
    kind: str
    payload: str  # JSON, as this person may see it
    hash: str
    prev: str
    is_broken: bool
    cutover: Cutover = field(compare=False)

    @classmethod
    def of(cls, link: AuditEntry, cutover: Cutover, *, is_broken: bool) -> RecordLink:
        """``is_broken``: the verification ended at this link."""
        payload = json.dumps(link.payload, ensure_ascii=False)
        about = (link.seq, link.actor, link.kind, payload, link.hash, link.prev)
        return cls(cutover.slug, cutover.timezone, *about, is_broken, cutover)


def link_markup(
    link: AuditEntry, cutover: Cutover, void: SignedThen | None, *, is_broken: bool
) -> SafeString:
    """The markup of one link. ``void``: the signature of which it tells, where that is or was void."""
    shown = RecordLink.of(link, cutover, is_broken=is_broken)
    if void is not None:
        html = _render(shown, void)
    elif "data-age" in (html := _render_kept(shown)):  # a moment among its facts, which gets older
        html = _render(shown)
    return SafeString(html.replace(AGE, when(link.at, cutover)))


def _render(link: RecordLink, void: SignedThen | None = None) -> str:
    shown = SimpleNamespace(**{**vars(link), "payload": json.loads(link.payload)})
    context = {"link": shown, "age": AGE, "void": void, "visit": SimpleNamespace(cutover=link.cutover)}
    return render_to_string("_record_link.html", context)


@lru_cache(maxsize=LINKS_KEPT)
def _render_kept(link: RecordLink) -> str:
    return _render(link)
