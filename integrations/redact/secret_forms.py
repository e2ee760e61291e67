"""Every form of a registered secret, apart from the escapes that `escaped_text` reads."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from integrations.redact.terminal_text import UNSEEN, strip_control_characters

SHORTEST = 6  # characters; a shorter secret would mask half of every log
LONGEST_PART = 512  # characters; of a longer secret these parts are searched one by one
SETTING_NAME = re.compile(r"(?i)(?<!\w)\w*(?:password|passwd|secret|token|api_?key)\w*")
_BREAK = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


def encoded_forms(secret: str) -> set[str]:
    """The forms of a secret: whole or line by line; quoted, doubled, as numbers, in Base64 and Base32."""
    written = {form for part in _parts(secret) for form in _written(part)}
    written |= {form for data in _encoded(secret) for form in _wrapped_base64(data)}
    bare = {unseen for form in written for unseen in (strip_control_characters(form), _shorn(form))}
    bare |= {form.strip() for form in bare}  # blanks count, too: a part of a long secret may begin with one
    return {form for form in bare if len(form.strip()) >= SHORTEST}


def _shorn(form: str) -> str:
    """The form as it is once its escape characters were written as escapes, and read again."""
    return UNSEEN.sub("", form).encode("utf-8", "replace").decode()


def _parts(secret: str) -> set[str]:
    """What is searched: the secret, its lines, the passwords of an address; long ones in parts."""
    broken = secret.replace("\\r", "").replace("\\n", "\n")  # a PEM key as env files have it
    lines = {*_BREAK.split(secret), *_BREAK.split(broken), *_passwords(secret)}
    whole = {secret, broken} if len(secret) <= LONGEST_PART else set[str]()
    # Bytes that are no UTF-8 come out of a program's log as replacement characters.
    lines |= {_encode(line).decode(errors="replace") for line in lines if not line.isascii()}
    return {part for line in {*whole, *lines} if len(line.strip()) >= SHORTEST for part in _cut(line)}


def _cut(line: str) -> Iterator[str]:
    yield line if len(line) <= LONGEST_PART else line[:LONGEST_PART]
    for at in range(LONGEST_PART, len(line), LONGEST_PART):
        # The last part reaches back into the one before: a short rest would not be searched.
        yield line[max(0, min(at, len(line) - SHORTEST)) : at + LONGEST_PART]


def _passwords(secret: str) -> Iterator[str]:
    """The passwords inside a secret that is a URL, encoded and decoded.

    They stand before the host, and in the query, where libpq accepts them, too.
    """
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


def _encode(text: str) -> bytes:
    """The bytes of a text; those of an environment variable that is no UTF-8 are in it as surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _encoded(text: str) -> Iterator[bytes]:
    yield _encode(text)
    yield text.encode("utf-16-le", "surrogatepass")
    yield text.encode("utf-16-be", "surrogatepass")


def _written(part: str) -> Iterator[str]:
    yield from (part, part.strip(), ascii(part)[1:-1])
    yield from (part.replace(" ", "+"), part.replace("$", "$$"), part.replace("%", "%%"))
    yield from (part.replace("'", "''"), part.replace("'", "''").replace("$", "$$"), part.replace('"', '""'))
    yield from (shlex.quote(part)[1:-1], part.replace("'", "'\\''"))
    for once in (json.dumps(part, ensure_ascii=ascii)[1:-1] for ascii in (True, False)):
        yield json.dumps(once)[
            1:-1
        ]  # JSON in JSON: the one form that is searched although it is written twice
    utf8, *utf16 = _encoded(part)
    yield from _numbers(utf8)
    yield from _base64(utf8)
    for data in utf16:
        yield from _base64(data)
    yield from _inside(utf8, base64.b32encode, group=5, bits=5)


def _numbers(data: bytes) -> Iterator[str]:
    """The bytes as hexadecimal, decimal and octal numbers."""
    for lower in (data.hex(), data.hex(":"), data.hex(" ")):
        yield from (lower, lower.upper())
    yield from (separator.join(map(str, data)) for separator in (", ", ",", " "))
    yield ", ".join(f"0x{byte:02x}" for byte in data)
    yield "".join(f"\\0{byte:03o}" for byte in data)  # as `echo -e` and `printf %b` read it


def _base64(data: bytes) -> Iterator[str]:
    """The Base64 of the secret inside a longer text, in both alphabets."""
    for text in _inside(data, base64.b64encode, group=3, bits=6):
        yield from (text, text.replace("+", "-").replace("/", "_"))


def _inside(data: bytes, encode: Callable[[bytes], bytes], *, group: int, bits: int) -> Iterator[str]:
    """What all texts have in common that encode the secret inside of a longer text.

    It can begin at each byte of a group. The characters that depend on its neighbours are cut off.
    """
    for before in range(group):
        first, last = -(-before * 8 // bits), (before + len(data)) * 8 // bits
        yield encode(b"\0" * before + data).decode()[first:last]


def _wrapped_base64(data: bytes) -> Iterator[str]:
    """The lines of the Base64 as the base64 program (76) and PEM (64) break it."""
    text = base64.b64encode(data).decode().rstrip("=")
    for width in (76, 64):
        if len(text) > width:
            lines = [text[at : at + width] for at in range(0, len(text), width)]
            yield from lines
            yield from (line.replace("+", "-").replace("/", "_") for line in lines)
