"""Generated output of programs with secrets in it: `make_case` makes the same case from the same seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.integrations.redact.written import WRITERS

WORDS = (
    *("rows", "tables", "copied", "waiting", "for", "step", "after", "moving"),
    *("schema", "ready", "began", "ended", "found", "nothing", "checked"),
)
NOISE = ["\x1b[0m", "\x1b[1;31m", "\x1b]8;;http://x\x07", "\x00", "\u200b", "\x1b(B", "\x9b2K", "\r", "\x08"]
SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
OTHERS = "äßéŁ€漢🔑"


@dataclass
class Case:
    """Lines as ``(stream, line)``. ``written``: every secret as it stands somewhere, without noise."""

    secrets: list[str]
    lines: list[tuple[str, str]] = field(default_factory=list)
    written: list[tuple[str, str]] = field(default_factory=list)


def make_secret(random: Random) -> str:
    """8 to 40 characters, now and then several hundred."""
    signs = random.choice([LETTERS, LETTERS + SIGNS, LETTERS + SIGNS * 2 + OTHERS])
    size = random.randint(200, 900) if random.random() < 0.02 else random.randint(8, 40)
    return "".join(random.choice(signs) for _ in range(size)).strip().ljust(8, "Z")


def make_secrets(random: Random) -> list[str]:
    """Some secrets; others share a beginning with them, contain them, overlap with them, or hold escapes."""
    secrets = [make_secret(random) for _ in range(random.randint(1, 4))]
    first, half = secrets[0], max(6, len(secrets[0]) // 2)
    if random.random() < 0.3:
        secrets.append(first[:half].strip() + make_secret(random))
    if random.random() < 0.3:
        secrets.append(make_secret(random) + first + "Q")
    if random.random() < 0.3:
        secrets.append(first[half:].strip() + make_secret(random))
    if random.random() < 0.2:
        secrets.append(first[:half].strip() + random.choice(NOISE[:4]) + make_secret(random))
    return secrets


def make_case(seed: str) -> Case:
    """A few lines of two outputs; some are long."""
    random = Random(seed)
    case = Case(make_secrets(random))
    for _ in range(random.randint(1, 4)):
        parts = list[str]()
        for _ in range(random.choice([3, 6, 12, 12, 100])):
            parts.append(random.choice(WORDS) if random.random() < 0.6 else _write_one(case, random))
        case.lines.append((random.choice(["out", "err"]), " ".join(parts)))
    return case


def _write_one(case: Case, random: Random) -> str:
    secret, other = random.choice(case.secrets), random.choice(case.secrets)
    shared = next((size for size in range(len(secret), 0, -1) if other.startswith(secret[-size:])), 0)
    if shared and secret != other:  # the end of one is the beginning of the next
        case.written += [("as it is", secret), ("as it is", other)]
        text = secret + other[shared:]
    else:
        name = random.choice(list(WRITERS))
        text = WRITERS[name](secret, random)
        case.written.append((name, text))
    return text if any(sign in text for sign in NOISE[:4]) else _with_noise(text, random)


def _with_noise(text: str, random: Random) -> str:
    places = {random.randrange(len(text) + 1) for _ in range(random.choice([0, 0, 0, 1, 2, 5]))}
    for at in sorted(places, reverse=True):
        text = text[:at] + random.choice(NOISE) + text[at:]
    return text


def cut(line: str, random: Random) -> list[str]:
    """The line in pieces, at any places."""
    places = sorted(random.randrange(len(line) + 1) for _ in range(random.choice([0, 1, 3, 10])))
    return [line[a:b] for a, b in zip([0, *places], [*places, len(line)], strict=True)]
