"""Generated requests to every address of the panel: `make_request` makes the same one from the same seed."""

from __future__ import annotations

import inspect
import pkgutil
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

from django import forms as django_forms
from django.urls import URLPattern, URLResolver, get_resolver

from checklists import forms, views
from tests.checklists.histories import PASSWORD

METHODS = ["GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]
PEOPLE = ["ama", "ama", "efua", "yaw", "root", "stranger", ""]

HOSTILE = [
    *(
        b"",
        b"\0",
        b"a\0b",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xf0\x9f\x94\x91",
        b"\xe2\x80\xae",
        b"x" * 1_000_000,
    ),
    *(
        b"0",
        b"-1",
        b"2147483648",
        b"9223372036854775808",
        b"9" * 5000,
        b"NaN",
        b"inf",
        b"1e400",
        b"0x10",
        b"1_0",
    ),
    *(
        "٣".encode(),
        "²".encode(),
        b"[]",
        b"{}",
        b"null",
        b"true",
        b"../../etc/passwd",
        b"%",
        b"%s%n",
        b"{{7*7}}",
    ),
    *(b"<script>", b"' or 1=1 --", b"\r\nX-Y: z", b"a\nb", b"2026-13-45T99:99", b"0001-01-01T00:00"),
    *(
        b"9999-12-31T23:59",
        b"10000-01-01",
        b"infinity",
        b"//evil.example",
        b"\\\\evil",
        b"javascript:1",
        b"/" * 5000,
    ),
    *(
        b"9223372036854775807~9223372036854775807",
        b"1~-1",
        b"~",
        b"1.1.1~NaN",
        b"00000000-0000-0000-0000-000000000000",
    ),
]

CONTENT_TYPES = [
    *["application/x-www-form-urlencoded"] * 8,
    *(
        "application/json",
        "text/xml",
        "",
        ";;;",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "b" * 300,
    ),
    *(
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=nonsense",
    ),
]

HEADERS = [
    "HX-Request",
    "HX-Current-URL",
    "Last-Event-ID",
    "Accept",
    "Accept-Language",
    "Cookie",
    "Referer",
    "Origin",
]
HEADERS += [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "If-Modified-Since",
    "If-None-Match",
    "Range",
    "User-Agent",
    "Host",
]


@dataclass
class HostileRequest:
    """One request. ``path`` has the place-holders of ``{known}`` values filled in."""

    person: str
    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sent = (
            self.query[:200],
            self.body[:300],
            self.content_type,
            {n: v[:80] for n, v in self.headers.items()},
        )
        return f"{self.person or 'nobody'}: {self.method} {self.path[:200]} {sent}"


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    """Every address that the URLconf knows, as it is written there."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


@cache
def query_names() -> list[str]:
    """Every name that a view reads from an address."""
    files = [*Path(views.__path__[0]).glob("*.py"), Path(views.__path__[0]).parent / "stream.py"]
    read = {name for file in files for name in re.findall(r"GET\.get\(\"(\w+)\"", file.read_text())}
    return sorted(read | {"kind", "column", "q", "row", "after", "page", "next"})


def field_names() -> list[str]:
    """Every name that a form has, and ``next``."""
    names = {"next", "csrfmiddlewaretoken", "password", "login", "code"}
    for module in pkgutil.iter_modules(forms.__path__):
        for _, kind in inspect.getmembers(import_module(f"checklists.forms.{module.name}"), inspect.isclass):
            if issubclass(kind, django_forms.BaseForm):
                names |= set(getattr(kind, "base_fields", {}))
    return sorted(names)


VALID = {
    **dict.fromkeys(("reason", "text", "note", "title"), b"a reason that is long enough to be accepted"),
    **{
        "password": PASSWORD.encode(),
        "decision": b"GO",
        "seat": b"technical",
        "next": b"/waiting/",
        "digest": b"x",
    },
}


def make_request(seed: str, all_routes: list[str], names: list[str], known: dict[str, str]) -> HostileRequest:
    """A request that is right but for one or two places, or for many."""
    random = Random(seed)
    admin = random.random() < 0.1
    path = _fill(random.choice([r for r in all_routes if r.startswith("admin/") == admin]), known, random)
    request = HostileRequest(random.choice(PEOPLE), random.choice(METHODS), f"/{path}")
    if random.random() < 0.6:
        request.query = _encode({name: _value(random) for name in random.sample(query_names(), 2)})
    if request.method not in ("GET", "HEAD"):
        fields = dict(VALID) if random.random() < 0.8 else {}
        wrong = [
            *random.sample(names, random.choice([1, 2, 8])),
            *(["next"] if random.random() < 0.2 else []),
        ]
        fields |= {name: _value(random) for name in wrong}
        request.body, request.content_type = _encode(fields), random.choice(CONTENT_TYPES)
        if random.random() < 0.15:
            request.body, request.content_type = _multipart(fields, random)
    for name in random.sample(HEADERS, random.choice([0, 0, 1, 2])):
        value = random.choice([*HOSTILE, b"q" * 70_000, b"true"])
        request.headers[name] = value.decode("latin-1").replace("\r", "").replace("\n", "")
    return request


def _value(random: Random) -> bytes:
    return random.choice(HOSTILE)


def _encode(fields: dict[str, bytes]) -> bytes:
    pairs = (f"{name}={quote_from_bytes(value)}".encode() for name, value in fields.items())
    return b"&".join(pairs)


def _multipart(fields: dict[str, bytes], random: Random) -> tuple[bytes, str]:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="'
        + name.encode()
        + b'"'
        + random.choice([b"", b'; filename="a.png"', b'; filename="../\x00"', b"; filename*=x''%ff"])
        + b"\r\n\r\n"
        + value
        + b"\r\n"
        for name, value in fields.items()
    )
    cut = random.choice([None, -3, len(parts) // 2])
    return (parts + b"--b--\r\n")[:cut], "multipart/form-data; boundary=b"


def _fill(route: str, known: dict[str, str], random: Random) -> str:
    route = (
        re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route).replace("^", "").replace("$", "").replace("\\Z", "")
    )

    def value(found: re.Match[str]) -> str:
        if random.random() < 0.85:
            return random.choice(known.get(found[1], "1 0").split(" "))
        return quote_from_bytes(random.choice(HOSTILE)[:3000], safe="")

    return re.sub(r"<(?:\w+:)?(\w+)>", value, route)


def known_values(cutover: Any) -> dict[str, str]:
    """What stands in addresses of this cutover, separated by blanks."""
    attempts = " ".join(str(attempt.pk) for attempt in cutover.attempts.all()) or str(uuid.uuid4())
    return {
        "slug": cutover.slug,
        "key": "announce look go change",
        "attempt_id": attempts,
        "number": "1 2 2147483648 99999999999999999999",
        "table": "users public.users",
        "pk": "1 0 9223372036854775808",
        "object_id": f"{cutover.pk} 1 9223372036854775808 x",
        "id": f"{cutover.pk} 9223372036854775808",
    }
