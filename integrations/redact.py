"""Keeps secrets out of everything that is shown or stored, in whatever dress they come.

Escapes and control characters are taken out first, so that nothing hides inside them; then every
registered secret is looked for in its encodings; then come rules for secrets nobody registered.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "•••"
SHORTEST = 6  # characters; what is shorter would mask half of every log
CONTINUED = "…+"  # how `integrations.programs` marks a piece of a line that goes on in the next

_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*"  # colours, cursor
_TEXT = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]"  # OSC, DCS …: titles, links
ESCAPES = re.compile(rf"{_CSI}[@-~]|{_TEXT}*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]?")
UNFINISHED = re.compile(rf"(?:{_CSI}|{_TEXT}{{0,4096}}\x1b?|\x1b[ -/]*)\Z")
UNSEEN = re.compile(  # controls but the tab, and characters without width or that turn the writing direction
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)

RULES = tuple(
    re.compile(rule)
    for rule in (
        r"://[^\s:/@?#]*:(?P<hide>[^\s/?#]+)@",
        r"(?i)\bbearer\s+(?P<hide>[\w.~+/=-]{6,})",
        r"(?i)\bauthorization:\s*basic\s+(?P<hide>[\w+/=-]{4,})",
        r"(?P<hide>\b[sr]k_(?:live|test)_\w{4,})",
        r"(?P<hide>\bwhsec_[\w+/=-]{4,})",
        r"(?P<hide>\bFLWSECK[\w-]{4,})",
        r"(?P<hide>\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?)",
        r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)\w*=(?P<hide>[^\s&;,•][^\s&;]*)",
    )
)
PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
PEM_END = re.compile(r"-----END [A-Z0-9 ]+-----")
PEM_BODY = re.compile(r"[\w+/=:,\\ \t-]*")

SETTING_NAME = re.compile(r"(?i)\w*(?:password|passwd|secret|token|api_?key)\w*")
REACH = 256  # characters of a broken line that are held back at least, for the rules
Span = tuple[int, int]


def clean(text: str) -> str:
    """The text without escapes, control and invisible characters; a tab stays, half characters go."""
    return UNSEEN.sub("", ESCAPES.sub("", text)).encode("utf-8", "replace").decode()


def forms_of(secret: str) -> set[str]:
    """Every way in which a secret may be written: whole, by line, quoted, escaped, encoded."""
    broken = secret.replace("\\r", "").replace("\\n", "\n")  # breaks as env files have them: a key in PEM
    parts = {secret, broken, *secret.splitlines(), *broken.splitlines(), *_passwords(secret)}
    forms = {form for part in parts if len(part.strip()) >= SHORTEST for form in _written(part)}
    return {bare for form in forms if len(bare := clean(form).strip()) >= SHORTEST}


def _passwords(secret: str) -> Iterator[str]:
    """The passwords inside a secret that is an address, as they stand there and as they are meant: before the
    host, and in the query, where libpq takes them, too."""
    if "://" in secret:
        try:
            parts = urlsplit(secret)
        except ValueError:
            return
        given = [parts.password or ""]
        pairs = (pair.partition("=") for pair in parts.query.split("&"))
        given += [value for name, _, value in pairs if SETTING_NAME.fullmatch(name)]
        for password in given:
            yield password
            yield unquote(password)


def _written(part: str) -> Iterator[str]:
    data = part.encode("utf-8", "surrogatepass")
    escaped = [json.dumps(part, ensure_ascii=ascii)[1:-1] for ascii in (True, False)]
    yield from (part, part.strip(), *escaped, *(json.dumps(e)[1:-1] for e in escaped))
    yield from (e.replace("/", "\\/") for e in escaped)  # as PHP and some JSON writers have it
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data), *_as_browsers(data)):
        yield quoted
        yield re.sub("%..", lambda found: found[0].lower(), quoted)
    yield from (shlex.quote(part)[1:-1], part.replace("'", "'\\''"), part.replace("'", "''"))
    yield from (re.sub(r"([^\w])", r"\\\1", part), repr(part)[1:-1])
    escaped_html = html.escape(part)
    yield from (escaped_html, html.escape(part, quote=False), escaped_html.replace("&#x27;", "&#39;"))
    yield from (data.hex(), data.hex().upper(), *_base64(data))


def _as_browsers(data: bytes) -> Iterator[str]:
    """JavaScript leaves other characters alone than Python: encodeURIComponent, encodeURI, form bodies, and
    the login of a URL."""
    yield quote(data, safe="!'()*~")
    yield quote(data, safe="!'()*~;/?:@&=+$,#")
    yield quote_plus(data, safe="*").replace("~", "%7E")
    yield quote(data, safe="!'()*~&+$,%")


def _base64(data: bytes) -> Iterator[str]:
    """The characters that the secret alone decides, at each of the three places it can begin."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        text = base64.b64encode(b"\0" * before + data).decode()[first:last]
        for whole in (text, text.replace("+", "-").replace("/", "_")):
            yield whole
            if before == 0:  # broken into lines, by base64 and by PEM and old mail
                yield from (
                    whole[at : at + width] for width in (76, 64) for at in range(0, len(whole), width)
                )
    yield base64.b32encode(data).decode().rstrip("=")


class Redactor:
    """Masks secrets in lines that come one after another.

    `line` knows where it is in a stream (a giant line in pieces, a private key over several
    lines) and gives one line for each it takes; `text` and `value` look at one thing by itself.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self._stream = _Stream(self._forms)
        self.too_short = 0  # how many secrets were refused because they have less than 6 characters
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Registers secrets; do it before they can first be printed."""
        found = set(self._forms)
        for secret in secrets:
            forms = forms_of(secret)
            self.too_short += bool(secret) and not forms
            found |= forms
        self._forms[:] = sorted(found)

    def line(self, line: str) -> str:
        """The next line of the stream, fit to be stored and shown."""
        return self._stream.feed(line)

    def text(self, text: str) -> str:
        """A text by itself (a sentence, a command), its lines kept."""
        stream = _Stream(self._forms)
        return "\n".join(stream.feed(part, whole=True) for part in text.split("\n"))

    def value(self, value: Any) -> Any:
        """A JSON value with every string in it masked, names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value


class _Stream:
    """Masks line after line. Of a line that goes on in the next piece, so much is held back that
    no secret can be cut in two; a mask already given out is remembered as a span that begins below 0."""

    def __init__(self, forms: list[str]) -> None:
        self.forms = forms
        self.raw = ""  # an escape that the last piece did not finish
        self.held = ""
        self.spans: list[Span] = []
        self.open = False  # a rule's hit reached the end of the last piece
        self.in_key = False

    def feed(self, line: str, *, whole: bool = False) -> str:
        more = line.endswith(CONTINUED) and not whole
        new = self._stripped(line[: -len(CONTINUED)] if more else line, more)
        text = self.held + new
        carried = self._carried(new)
        rules = self._rule_hits(text)
        spans = _merged([*carried, *rules, *self._key_hits(text), *self._form_hits(text)])
        reach = max([REACH, *map(len, self.forms)])
        cut = max(0, len(text) - reach) if more else len(text)
        shown = _shown(text, spans, cut)
        self.held = text[cut:]
        self.spans = [(a - cut, b - cut) for a, b in spans if b > cut] if more else []
        self.open = more and any(b == len(text) for _, b in [*rules, *(carried if self.open else [])])
        return shown + CONTINUED if more else shown

    def _stripped(self, line: str, more: bool) -> str:
        raw, self.raw = self.raw + line, ""
        unfinished = UNFINISHED.search(raw) if more else None
        if unfinished:
            raw, self.raw = raw[: unfinished.start()], raw[unfinished.start() :]
        return clean(raw)

    def _carried(self, new: str) -> list[Span]:
        """Spans of the last piece; one that its rule left open goes on to the next blank."""
        if not self.open:
            return self.spans
        run = re.match(r"\S*", new)
        end = len(self.held) + (run.end() if run else 0)
        return [(a, end if b == len(self.held) else b) for a, b in self.spans]

    def _form_hits(self, text: str) -> Iterator[Span]:
        for form in self.forms:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + 1)

    def _rule_hits(self, text: str) -> list[Span]:
        return [hit.span("hide") for rule in RULES for hit in rule.finditer(text)]

    def _key_hits(self, text: str) -> Iterator[Span]:
        """A private key, from its first to its last line; text that cannot be one ends it."""
        at = 0
        if not self.in_key:
            begin = PEM_BEGIN.search(text)
            if begin is None:
                return
            at = begin.end()
        while True:
            end = PEM_END.search(text, at)
            self.in_key = end is None and PEM_BODY.fullmatch(text, at) is not None
            if end is not None or self.in_key or at:
                yield at, end.start() if end else len(text)
            begin = PEM_BEGIN.search(text, end.end()) if end else None
            if begin is None:
                return
            at = begin.end()


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch or overlap as one, in order."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _shown(text: str, spans: list[Span], cut: int) -> str:
    """The text up to ``cut``, with a mask for each span that begins there."""
    shown, at = "", 0
    for start, end in spans:
        if start >= cut:
            break
        shown += text[at : max(start, at)] + (MASK if start >= 0 else "")
        at = end
    return shown + text[at:cut]


ADDRESS = re.compile(r"(?P<scheme>[a-zA-Z][\w+.-]*://)(?P<user>[^\s:/@?#]*):[^\s?#]*@(?=[^\s@]*)")
SETTING = re.compile(r"(?i)\b(\w*(?:password|passwd|passfile|secret|token|key))=('[^']*'|[^\s&;,]+)")


def masked_url(url: str) -> str:
    """An address (or libpq's ``key=value`` text) fit to be shown: who and where, without passwords."""
    shown = ADDRESS.sub(rf"\g<scheme>\g<user>:{MASK}@", clean(url))
    return SETTING.sub(rf"\1={MASK}", shown)
