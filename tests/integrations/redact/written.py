"""How programs write a secret: the encoders themselves where Python has them, else written anew here."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

Writer = Callable[[str, Random], str]


def go_json(text: str) -> str:
    """As Go's encoding/json does, and with it kubectl, helm and docker."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    for sign in "<>&\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


def go_quoted(text: str) -> str:
    """As Go's %q and helm's `quote` do."""
    short = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\v": "\\v", "\a": "\\a"}
    return "".join(
        short.get(sign) or (sign if sign.isprintable() else f"\\x{ord(sign):02x}") for sign in text
    )


def double_quoted(text: str) -> str:
    """As bash's `export -p` and `declare -p` do."""
    return "".join(f"\\{sign}" if sign in '"\\$`' else sign for sign in text)


def bash_quoted(text: str) -> str:
    """As bash's `printf %q` does."""
    if not text.isprintable():
        return ansi_c(text)
    return "".join(sign if sign.isalnum() or sign in "_-./:@%+=" else f"\\{sign}" for sign in text)


def ansi_c(text: str) -> str:
    """As bash writes a text that it does not take for printable: $'…'."""
    return "".join(
        f"\\{sign}"
        if sign in "'\\"
        else sign
        if " " <= sign <= "~"
        else "".join(f"\\{byte:03o}" for byte in sign.encode())
        for sign in text
    )


def some_percent(text: str, random: Random) -> str:
    """Any character may be written as its number in a URL, in both cases."""
    return "".join(
        sign
        if sign.isalnum() and random.random() < 0.5
        else "".join(_percent(byte, random) for byte in sign.encode())
        for sign in text
    )


def _percent(byte: int, random: Random) -> str:
    return f"%{byte:02x}" if random.random() < 0.5 else f"%{byte:02X}"


def utf16_units(text: str) -> list[int]:
    """The numbers of a text in JavaScript."""
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def inside(encode: Callable[[bytes], bytes], encoding: str = "utf-8") -> Writer:
    """The encoding of a longer text with the secret in it: what depends on the neighbours is cut off."""

    def write(text: str, random: Random) -> str:
        size = 2 if encoding.startswith("utf-16") else 1
        before = bytes(random.randrange(97, 123) for _ in range(size * random.randrange(3)))
        return encode(before + text.encode(encoding) + b"ab" * random.randrange(2)).decode()

    return write


def always(write: Callable[[str], str]) -> Writer:
    """A way of writing that leaves no choice."""
    return lambda text, random: write(text)


WRITERS: dict[str, Writer] = {
    "as it is": always(str),
    "percent": always(lambda text: quote(text, safe="")),
    "percent with plus": always(quote_plus),
    "percent of some": some_percent,
    "encodeURIComponent": always(lambda text: quote(text, safe="!'()*~")),
    "JSON": always(lambda text: json.dumps(text)[1:-1]),
    "JSON with its letters": always(lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
    "JSON of PHP": always(lambda text: json.dumps(text)[1:-1].replace("/", "\\/")),
    "JSON in JSON": always(lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1]),
    "Go's JSON": always(go_json),
    "Go's %q": always(go_quoted),
    "\\uXXXX of every character": always(
        lambda text: "".join(f"\\u{unit:04x}" for unit in utf16_units(text))
    ),
    "\\u{X}": always(lambda text: "".join(f"\\u{{{ord(sign):x}}}" for sign in text)),
    "\\xXX of every byte": always(lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode())),
    "octal": always(lambda text: "".join(f"\\{byte:03o}" for byte in text.encode())),
    "octal of echo": always(lambda text: "".join(f"\\0{byte:03o}" for byte in text.encode())),
    "repr": always(lambda text: repr(text)[1:-1]),
    "repr of bytes": always(lambda text: repr(text.encode())[2:-1]),
    "ascii": always(lambda text: ascii(text)[1:-1]),
    "export -p": always(double_quoted),
    "printf %q": always(bash_quoted),
    "$'…'": always(ansi_c),
    "shlex": always(lambda text: shlex.quote(text).removeprefix("'").removesuffix("'")),
    "single quotes": always(lambda text: text.replace("'", "'\\''")),
    "SQL, YAML": always(lambda text: text.replace("'", "''")),
    "CSV": always(lambda text: text.replace('"', '""')),
    "compose": always(lambda text: text.replace("$", "$$")),
    "compose as JSON": always(lambda text: go_json(text.replace("$", "$$"))),
    "HTML": always(html.escape),
    "HTML without quotes": always(lambda text: html.escape(text, quote=False)),
    "HTML in decimals": always(lambda text: "".join(f"&#{ord(sign)};" for sign in text)),
    "HTML in hexadecimals": always(lambda text: "".join(f"&#x{ord(sign):X};" for sign in text)),
    "HTML with zeros": always(lambda text: "".join(f"&#{ord(sign):05d};" for sign in text)),
    "hexadecimal": always(lambda text: text.encode().hex()),
    "HEXADECIMAL": always(lambda text: text.encode().hex().upper()),
    "aa:bb": always(lambda text: text.encode().hex(":")),
    "AA:BB": always(lambda text: text.encode().hex(":").upper()),
    "aa bb": always(lambda text: text.encode().hex(" ")),
    "a list of bytes": always(lambda text: json.dumps(list(text.encode()))[1:-1]),
    "bytes of Go": always(lambda text: " ".join(map(str, text.encode()))),
    "Base64": inside(base64.b64encode),
    "Base64 of URLs": inside(base64.urlsafe_b64encode),
    "Base64 of UTF-16": inside(base64.b64encode, "utf-16-le"),
    "Base64 of UTF-16, big-endian": inside(base64.b64encode, "utf-16-be"),
    "Base32": always(lambda text: base64.b32encode(text.encode()).decode()),
}
