"""Canaries: secrets that are searched in everything that comes out."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import ahocorasick_rs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ENDS = 10  # characters of each end that are searched, too: a text that was cut in a secret shows a part
#: Signs that HTML, shells, SQL, percent-encoding and compose each write differently. A double quote is not
#: among them: it stands escaped twice in the traceback of a client that quotes JSON, which is not covered.
SIGNS = "'&<%$ +"


@dataclass(frozen=True)
class Canary:
    """A secret, where it stands, and the words in it that no encoding but Base64 and hexadecimal changes."""

    place: str
    value: str
    words: tuple[str, ...]

    def forms(self) -> set[str]:
        """Texts of which none may come out."""
        found = set[str]()
        for word in self.words:
            found |= {word[:ENDS], word[-ENDS:], word.encode().hex()}
            for before in range(3):  # where in a group of Base64 the word begins is not known
                encoded = base64.b64encode(b"\0" * before + word.encode()).decode()
                found.add(encoded[4 : len(encoded) - 4])
        return found


@dataclass
class Canaries:
    """All canaries of a run, and the variables of the environment that hold them."""

    all: list[Canary] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def new(self, place: str, template: str = "{}") -> str:
        """A canary as part of a text; ``{}`` is its place. Letters and digits only."""
        word = secrets.token_hex(12)
        self.all.append(Canary(place, template.replace("{}", word), (word,)))
        return self.all[-1].value

    def new_with_signs(self, place: str) -> str:
        """A canary of two words with every sign between them that is written differently somewhere."""
        first, second = secrets.token_hex(10), secrets.token_hex(10)
        self.all.append(Canary(place, f"{first}{SIGNS}{second}", (first, second)))
        return self.all[-1].value

    def new_key(self, place: str) -> str:
        """A private key, as the file of an environment has it."""
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
        words = tuple(line for line in text.splitlines() if "-----" not in line)
        self.all.append(Canary(place, text, words))
        return text.replace("\n", "\\n")

    def variable(self, value: str) -> str:
        """Puts a value into a variable; gives the text with which a runbook uses it."""
        name = f"CANARY_{len(self.environment)}"
        self.environment[name] = value
        return f"${{{name}}}"

    def find(self, texts: Iterable[str]) -> dict[str, str]:
        """Place of each canary that is in one of the texts → the text around it."""
        known = {form: canary.place for canary in self.all for form in canary.forms()}
        search, found = ahocorasick_rs.AhoCorasick(list(known)), dict[str, str]()
        for text in texts:
            for hit in search.find_matches_as_strings(text):
                at = text.find(hit)
                found[known[hit]] = f"{text[:40]} … {text[max(0, at - 120) : at + 60]}"
        return found
